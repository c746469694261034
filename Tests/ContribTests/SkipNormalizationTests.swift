import ONNX
import OperatorLaws
import Testing

/// Expected numbers are those of onnxruntime.
@Suite struct SkipNormalizationTests {
  private let x = floats([1, 2, 3], [1, 2, -1, 0.5, 3, 0])
  private let skip = floats([1, 2, 3], [0.5, -1, 0, 1, 1, 2])
  private let gamma = floats([3], [1, 2, 0.5])
  private let bias = floats([3], [0.1, 0.2, 0.3])
  private let epsilon: [Attribute] = [.float("epsilon", 1e-5)]
  private let sum: [Float] = [1.6, 1.2, -0.7, 1.6, 4.2, 2.3]

  @Test func skipLayerNormalization() throws {
    let beta = floats([3], [0, 1, -1])
    try expectContrib(
      contribNode("SkipLayerNormalization", inputs: 5, outputs: 4, epsilon),
      [x, skip, gamma, beta, bias],
      [
        [0.89701039, 1.9966782, -1.6976748, -1.0013763, 3.7310257, -1.1820685], [0.7, 2.7], [],
        sum,
      ])
  }

  @Test func skipSimplifiedLayerNormalization() throws {
    try expectContrib(
      contribNode("SkipSimplifiedLayerNormalization", inputs: 4, outputs: 4, epsilon),
      [x, skip, gamma, bias],
      [
        [1.3078442, 1.9617662, -0.28609091, 0.54890281, 2.8817396, 0.39452389], [0.7, 2.7], [],
        sum,
      ])
  }

  @Test func skipMayHaveOneSample() throws {
    let x = floats([2, 1, 2], [1, 2, 3, 5])
    try expectContrib(
      contribNode("SkipLayerNormalization", inputs: 3),
      [x, floats([1, 2], [1, 0]), floats([2], [1, 1])],
      [[0, 0, -1, 1]])
  }

  @Test(arguments: ["", "com.microsoft"]) func simplifiedLayerNormalization(domain: String) throws {
    try expectContrib(
      contribNode("SimplifiedLayerNormalization", inputs: 2, outputs: 2, domain: domain),
      [x, gamma],
      [
        [0.70710498, 2.8284199, -0.35355249, 0.28474694, 3.4169633, 0], [0.70710498, 0.56949389],
      ])
  }

  @Test func theInverseRootCoversAllAxesFromTheFirst() throws {
    try expectContrib(
      contribNode(
        "SimplifiedLayerNormalization", inputs: 2, outputs: 2, [.int("axis", 1)], domain: ""),
      [floats([1, 2, 2], [1, 1, 1, 1]), floats([2, 2], [1, 2, 3, 4])],
      [[0.999995, 1.99999, 2.999985, 3.99998], [0.999995]])
  }

  @Test func refusesAScaleThatDoesNotFit() throws {
    #expect(throws: OperatorError.self) {
      try checkOperator(
        contribNode("SkipLayerNormalization", inputs: 3), [x, skip, floats([2], [1, 1])], opset: 1)
    }
  }

  private let embeddings: [Tensor] = [
    Tensor(shape: [2, 2], [0, 2, 1, 1] as [Int32]),
    Tensor(shape: [2, 2], [0, 1, 1, 0] as [Int32]),
    floats([3, 2], [1, 2, 3, 4, 5, 7]), floats([2, 2], [0, 0.5, 1, 0]),
    floats([2, 2], [0.5, 0.5, -1, 2]), floats([2], [1, 2]), floats([2], [0, 1]),
    Tensor(shape: [2, 2], [1, 1, 1, 0] as [Int32]),
  ]

  @Test func embedLayerNormalization() throws {
    let node = contribNode(
      "EmbedLayerNormalization", inputs: 8, outputs: 3, [.float("epsilon", 0.1)])
    let results = try checkOperator(node, embeddings, opset: 1)
    let expected: [Float] = [
      -0.92144263, 2.8428853, -0.98772961, 2.9754591, -0.9902674, 2.9805348, 0, 1,
    ]
    for (a, b) in zip(try #require(results[0]).elements(as: Float.self), expected) {
      #expect(abs(a - b) < 1e-5)
    }
    #expect(results[1] == Tensor(shape: [2], [2, 1] as [Int32]))
    #expect(results[2] == floats([2, 2, 2], [1.5, 3, 5, 9, 2, 6.5, 4.5, 4.5]))
  }

  @Test func idsOfSegmentsNeedTheirTable() throws {
    var node = contribNode("EmbedLayerNormalization", inputs: 8, outputs: 2)
    node.inputs[4] = ""
    var inputs: [Tensor?] = embeddings
    inputs[4] = nil
    #expect(throws: OperatorError.self) { try checkOperator(node, inputs, opset: 1) }
  }
}
