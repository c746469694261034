import ONNX
import ONNXOperators
import Testing

/// Mixtures of experts. The results are those of onnxruntime; tools/compare/contrib_operators.py compares
/// many more.
@Suite struct ExpertTests {
  private static let x = pairs(1, -2, 0.5, 3 as Float)
  private static let logits = Tensor(shape: [2, 3], [1, 0, 2, 0, 0, -1] as [Float])
  private static let first = (0..<12).map { Float($0) / 8 - 0.5 }
  private static let second = Tensor(shape: [3, 2, 2], (0..<12).map { 1 - Float($0) / 8 })

  private static let bias = Tensor(shape: [3, 2], [0.5, 0.25, 0.5, 0.25, 0.5, 0.25] as [Float])

  private func mixture(_ attributes: [Attribute]) throws -> Tensor {
    try contrib(
      "MoE",
      [Self.x, Self.logits, Tensor(shape: [3, 2, 2], Self.first), Self.bias, Self.second],
      attributes)
  }

  @Test func expertsAreWeightedByTheirSharesOfAllLogits() throws {
    let y = try mixture([.int("k", 2)])
    #expect(isClose(y, [0.2370807, 0.1758986, 0.42231882, 0.17156702]))
  }

  @Test func gatedExperts() throws {
    var weights: [Float] = []
    for expert in 0..<3 {
      let own = Self.first[expert * 4..<expert * 4 + 4]
      weights += own + own.map { -$0 }
    }
    let y = try contrib(
      "MoE", [Self.x, Self.logits, Tensor(shape: [3, 4, 2], weights), nil, Self.second],
      [
        .string("activation_type", "swiglu"), .int("swiglu_fusion", 1),
        .int("normalize_routing_weights", 1), .float("activation_alpha", 1.702),
        .float("activation_beta", 1),
      ])
    #expect(isClose(y, [-0.1465975, -0.43979251, 0.28820866, 0.14207909]))
  }

  @Test func packedWeights() throws {
    let first = Tensor(shape: [3, 2, 1], [0x8c, 0x21, 0x48, 0x7f, 0x93, 0xb0] as [UInt8])
    let second = Tensor(shape: [3, 2, 1], [0x93, 0xb0, 0x48, 0x7f, 0x8c, 0x21] as [UInt8])
    let y = try contrib(
      "QMoE",
      [
        Self.x, Self.logits, first,
        Tensor(shape: [3, 2], [0.25, 0.5, 0.25, 0.5, 0.25, 0.5] as [Float]), nil, second,
        Tensor(shape: [3, 2], [0.5, 1, 0.5, 1, 0.5, 1] as [Float]),
      ], [.int("k", 2)])
    #expect(isClose(y, [-0.33617678, -0.13447072, -0.875, -2.125]))
  }

  @Test(arguments: [
    Attribute.int("k", 0), .int("k", 4), .string("activation_type", "tanh"),
    .string("activation_type", "swiglu"),
  ])
  func attributesThatDoNotFitAreErrors(_ attribute: Attribute) {
    #expect(throws: OperatorError.self) { try mixture([attribute]) }
  }

  @Test func logitsOfOtherTokensAreErrors() {
    #expect(throws: OperatorError.self) {
      try contrib(
        "MoE",
        [
          Self.x, Tensor(shape: [1, 3], [1, 0, 2] as [Float]),
          Tensor(shape: [3, 2, 2], Self.first), nil, Self.second,
        ])
    }
  }

  @Test func logitsThatAreNotNumbersChooseExperts() throws {
    let logits = Tensor(shape: [2, 3], [Float](repeating: .nan, count: 6))
    let y = try contrib(
      "MoE", [Self.x, logits, Tensor(shape: [3, 2, 2], Self.first), nil, Self.second],
      [.int("k", 3)])
    #expect(y.shape == [2, 2])
  }
}
