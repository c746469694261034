import ONNX
import Testing

/// A product with a constant matrix takes over the bias, the residual and the activation behind it.
@Suite struct ProductFusionTests {
  private func numbers(_ shape: [Int], _ step: Int) throws -> Tensor {
    let count = shape.reduce(1, *)
    return floats(shape, (0..<count).map { Float(($0 * step) % 23) / 8 - 1.25 })
  }

  private func node(_ type: String, _ inputs: [String], _ output: String) -> Node {
    Node(type, inputs: inputs, outputs: [output])
  }

  /// Compares the results with those of the nodes one by one.
  private func check(
    _ nodes: [Node], _ shape: [Int], columns: Int, expecting operators: [String]
  ) throws {
    let x = try numbers(shape, 37)
    let other = try numbers(shape.dropLast() + [columns], 29)
    let model = Models.model(
      nodes,
      inputs: [
        ValueInfo("x", .tensor(.float32, x.shape)), ValueInfo("r", .tensor(.float32, other.shape)),
      ],
      outputs: ["y"],
      initializers: [
        NamedTensor("w", try numbers([shape[shape.count - 1], columns], 41)),
        NamedTensor("b", try numbers([columns], 31)),
      ], opset: 20)
    func run(_ passes: [any Pass]) throws -> ([Float], [String]) {
      var options = SessionOptions()
      options.passes = passes
      options.threads = 2
      let session = try Session(model, options: options)
      let inputs = ["x": x, "r": other]
      let y = try #require(try session.run(inputs)["y"]?.array(as: Float.self))
      let plan = try session.describePlan(shapes: inputs.mapValues(\.shape))
      return (y, plan.steps.map(\.operatorType))
    }
    let (plain, fused) = (try run([]), try run([.fusion]))
    #expect(fused.1 == operators)
    for (a, b) in zip(plain.0, fused.0) where abs(a - b) > 1e-5 * max(1, abs(a)) {
      Issue.record("\(shape) × \(columns): \(b) instead of \(a)")
      return
    }
  }

  /// Rows, terms and columns around the blocks and panels of every instruction set, and as many rows as
  /// tasks pack on their own.
  static let sizes: [([Int], Int)] = [
    ([1, 1], 1), ([1, 5], 33), ([3, 7], 8), ([2, 3, 16], 17), ([5, 300], 40), ([13, 257], 31),
    ([2, 600, 5], 65), ([1100, 64], 33), ([1030, 520], 9),
  ]

  @Test(arguments: sizes) func biasAndActivation(shape: [Int], columns: Int) throws {
    try check(
      [
        node("MatMul", ["x", "w"], "a"), node("Add", ["b", "a"], "c"), node("Gelu", ["c"], "y"),
      ], shape, columns: columns, expecting: ["FusedMatMul"])
  }

  @Test(arguments: sizes) func biasAndResidual(shape: [Int], columns: Int) throws {
    try check(
      [
        node("MatMul", ["x", "w"], "a"), node("Add", ["a", "b"], "c"),
        node("Add", ["r", "c"], "d"), node("Relu", ["d"], "y"),
      ], shape, columns: columns, expecting: ["FusedMatMul"])
  }

  @Test func nothingIsAddedBehindAnActivation() throws {
    try check(
      [node("MatMul", ["x", "w"], "a"), node("Relu", ["a"], "c"), node("Add", ["c", "b"], "y")],
      [4, 6], columns: 5, expecting: ["FusedMatMul", "Add"])
  }
}
