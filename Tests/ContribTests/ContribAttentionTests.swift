import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// −1, −0.5, 0, 0.5, 1, −1, …, scaled and shifted.
private func saw(_ shape: [Int], scale: Float = 1, shift: Float = 0) -> Tensor {
  let count = shape.reduce(1, *)
  return Tensor(
    shape: shape, (0..<count).map { (Float($0 % 5) * 0.5 - 1) * scale + shift })
}

private func int32(_ shape: [Int], _ values: [Int32]) -> Tensor { Tensor(shape: shape, values) }

private func node(_ type: String, _ count: Int, outputs: Int = 1, _ attributes: Attribute...)
  -> Node
{
  Node(
    type, domain: "com.microsoft", inputs: (0..<count).map { "x\($0)" },
    outputs: (0..<outputs).map { "y\($0)" }, attributes: attributes)
}

private func expect(
  _ tensor: Tensor?, _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let elements = try #require(tensor).elements(as: Float.self)
  #expect(elements.count == expected.count, sourceLocation: sourceLocation)
  for (x, y) in zip(elements, expected) {
    #expect(abs(x - y) < 1e-5, "\(x) instead of \(y)", sourceLocation: sourceLocation)
  }
}

/// Expected numbers are those that tools/generate/attention_examples.py prints.
@Suite struct ContribAttentionTests {
  @Test func biasMaskAndOrderOfPositionsApplyToSeparateHeads() throws {
    let attention = node(
      "MultiHeadAttention", 5, .int("num_heads", 2), .int("unidirectional", 1))
    let y = try checkOperator(
      attention,
      [
        saw([1, 2, 4]), saw([1, 3, 4], scale: 0.5, shift: 0.25), saw([1, 3, 4]), saw([12]),
        int32([1, 3], [1, 0, 1]),
      ], opset: 1)
    try expect(y[0], [-0.5, 0.5, -1, 0, -0.033515006, 0.96648502, -1.5, -0.5])
  }

  @Test func projectsAndAppendsToThePast() throws {
    let attention = node(
      "Attention", 5, outputs: 2, .int("num_heads", 2), .int("unidirectional", 1))
    let y = try checkOperator(
      attention,
      [saw([1, 2, 3]), saw([3, 12]), saw([12]), int32([1], [2]), saw([2, 1, 2, 1, 2])], opset: 1)
    try expect(
      y[0],
      [
        0.7610414, -0.40260342, -0.28295279, -0.10852362, 0.93742532, -0.84356314, -0.26104137,
        -0.11947934,
      ])
    try expect(
      y[1],
      [
        -1, -0.5, 0.25, 0, 0.5, -2.5, 0, 0.5, -0.25, -0.5, 0.75, 1.5, 1, -1, 0.5, 0.25, -0.25,
        0.5, -0.5, 0, 0, -0.25, -2.5, 0.75,
      ])
  }

  @Test func rotatesFromOnePositionOn() throws {
    let angles: [Double] = [0, 0, 0, 0, 0.5, 1, 0.25, 2, 1, 2, 0.5, 4]
    let y = try checkOperator(
      node("RotaryEmbedding", 4),
      [
        saw([1, 2, 8]), Tensor(shape: [1], [1 as Int64]),
        Tensor(shape: [3, 4], angles.map { Float(Double.cos($0)) }),
        Tensor(shape: [3, 4], angles.map { Float(Double.sin($0)) }),
      ], opset: 1)
    try expect(
      y[0],
      [
        -1.3570081, 0.57131988, 0.12370198, -0.20807341, 0.398157, -0.96103776, -0.48445621,
        0.4546487, 0.27015114, -0.87079549, -1.3570081, -0.4299807, 0.42073551, 0.70122397,
        0.398157, 1.0320449,
      ])
  }

  @Test func writesBehindValidRowsOfTheCache() throws {
    let attention = node(
      "GroupQueryAttention", 7, outputs: 3, .int("num_heads", 4), .int("kv_num_heads", 2),
      .int("local_window_size", 2))
    let y = try checkOperator(
      attention,
      [
        saw([1, 1, 32]), saw([1, 1, 16]), saw([1, 1, 16]), saw([1, 2, 3, 8]),
        saw([1, 2, 3, 8], shift: 0.5), int32([1], [2]), int32([], [3]),
      ], opset: 1)
    try expect(
      y[0],
      [
        -0.78591633, -0.28591636, -0.053520903, 0.44647908, 0.94647908, -0.78591633, -0.28591636,
        -0.053520903, 0.84472305, 1.3447231, -0.46118078, 0.038819253, 0.53881931, 0.84472305,
        1.3447231, -0.46118078, 0.5, 1, 0.76906586, -0.5, 0, 0.5, 1, 0.76906586, 0.5, 1,
        -0.22252503, -0.5, 0, 0.5, 1, -0.22252503,
      ])
    let keys = try #require(y[1])
    #expect(keys.shape == [1, 2, 3, 8])
    // The last row is new.
    try expect(
      keys,
      saw([1, 2, 3, 8]).elements(as: Float.self).enumerated().map { index, old in
        index / 8 % 3 == 2 ? saw([16]).elements(as: Float.self)[index / 24 * 8 + index % 8] : old
      })
  }

  @Test func attendsWithIntegersOfEightBits() throws {
    let y = try checkOperator(
      node("QAttention", 7, .int("num_heads", 1)),
      [
        Tensor(shape: [1, 2, 2], [1, 200, 7, 3] as [UInt8]),
        Tensor(shape: [2, 6], (0..<12).map { Int8($0 * 9 - 50) }), saw([6]), Tensor(0.02 as Float),
        Tensor(0.01 as Float), nil, Tensor(5 as UInt8),
      ], opset: 1)
    try expect(y[0], [1.5874511, -0.2810874, 1.3718551, -0.54321891])
  }

  /// onnxruntime's CPU kernel does not take the packed forms, which mean the same as separate inputs.
  @Test func packedInputsMeanTheSameAsSeparateOnes() throws {
    let whole = saw([2, 3, 2, 3, 4]).elements(as: Float.self)
    func part(_ index: Int) -> [Float] {
      whole.enumerated().filter { $0.offset / 4 % 3 == index }.map(\.element)
    }
    let parts = (0..<3).map { Tensor(shape: [2, 3, 8], part($0)) }
    let heads = Attribute.int("num_heads", 2)
    let separate = try checkOperator(node("MultiHeadAttention", 3, heads), parts, opset: 1)[0]
    let packed = try checkOperator(
      node("MultiHeadAttention", 1, heads), [saw([2, 3, 2, 3, 4])], opset: 1)[0]
    #expect(separate == packed)
    let pairs = zip(
      stride(from: 0, to: 48, by: 4), stride(from: 0, to: 48, by: 4)
    ).flatMap { a, b in part(1)[a..<a + 4] + part(2)[b..<b + 4] }
    let both = try checkOperator(
      node("MultiHeadAttention", 2, heads), [parts[0], Tensor(shape: [2, 3, 2, 2, 4], pairs)],
      opset: 1)[0]
    #expect(separate == both)
  }

  @Test func sessionsReplaceItOnceTypesAreKnown() throws {
    let attention = node("MultiHeadAttention", 3, .int("num_heads", 2))
    let type = ValueType.tensor(.float32, ["batch", "length", 8])
    let model = Model(
      graph: Graph(
        nodes: [attention], inputs: (0..<3).map { ValueInfo("x\($0)", type) },
        outputs: [ValueInfo("y0", type)]),
      operatorSets: [OperatorSetImport(version: 17)])
    let inputs = (0..<3).map { saw([1, 2, 8], shift: Float($0)) }
    let y = try Session(model).run(
      Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ("x\($0.offset)", $0.element) }))
    let expected = try checkOperator(attention, inputs, opset: 1)[0]
    try expect(y["y0"], Array(try #require(expected).elements(as: Float.self)))

    var differentiation = try Differentiation(model)
    #expect(differentiation.graph.nodes.allSatisfy { $0.domain != "com.microsoft" })
    let total = "y0"
    let names = try differentiation.gradients(of: total, by: ["x0", "x2"])
    var graph = differentiation.graph
    graph.outputs = names.values.sorted().map { ValueInfo($0, nil) }
    let gradients = try Session(
      Model(graph: graph, operatorSets: [OperatorSetImport(version: 17)])
    ).run(
      Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ("x\($0.offset)", $0.element) }))
    // Weights sum to 1, so that the gradients of values do, over all keys and queries.
    let name = try #require(names["x2"])
    let values = try #require(gradients[name])
    #expect(abs(values.elements(as: Float.self).reduce(0, +) - 16) < 1e-4)
  }

  @Test func inputsThatContradictAreErrors() {
    let heads = Attribute.int("num_heads", 2)
    let wrong: [(Node, [Tensor?])] = [
      (node("MultiHeadAttention", 1, heads), [saw([1, 2, 8])]),
      (node("MultiHeadAttention", 3, heads), [saw([1, 2, 8]), saw([1, 2, 6]), saw([1, 2, 8])]),
      (
        node("MultiHeadAttention", 3, .int("num_heads", 3)),
        Array(repeating: saw([1, 2, 8]), count: 3)
      ),
      (
        node("MultiHeadAttention", 4, heads),
        Array(repeating: saw([1, 2, 8]), count: 3) + [saw([23])]
      ),
      (
        node("MultiHeadAttention", 5, heads),
        Array(repeating: saw([1, 2, 8]), count: 3) + [nil, int32([1, 5], [1, 1, 1, 1, 1])]
      ),
      (node("Attention", 3, heads), [saw([1, 2, 3]), saw([3, 11]), saw([11])]),
      (node("Attention", 3, heads), [saw([1, 2, 3]), saw([3, 12]), saw([1])]),
      (
        node("Attention", 3, heads, .int("do_rotary", 1)),
        [saw([1, 2, 3]), saw([3, 12]), saw([12])]
      ),
      (
        node("RotaryEmbedding", 4),
        [saw([1, 2, 8]), Tensor(shape: [1], [2 as Int64]), saw([3, 4]), saw([3, 4])]
      ),
      (
        node("GroupQueryAttention", 7, heads, .int("kv_num_heads", 2)),
        [
          saw([1, 1, 16]), saw([1, 1, 16]), saw([1, 1, 16]), saw([1, 2, 3, 8]), nil,
          int32([1], [2]), int32([], [3]),
        ]
      ),
      (
        node("GroupQueryAttention", 7, heads, .int("kv_num_heads", 2)),
        [
          saw([1, 1, 16]), saw([1, 1, 16]), saw([1, 1, 16]), saw([1, 2, 3, 8]),
          saw([1, 2, 3, 8]), int32([1], [-7]), int32([], [3]),
        ]
      ),
    ]
    for (node, inputs) in wrong {
      var node = node
      node.inputs = inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" }
      #expect(throws: (any Error).self, "\(node.operatorType) \(inputs.map { $0?.shape })") {
        try checkOperator(node, inputs, opset: 1)
      }
    }
  }
}
