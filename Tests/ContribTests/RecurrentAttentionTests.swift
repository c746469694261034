import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Expected numbers are those that tools/generate/attention_examples.py prints.
@Suite struct RecurrentAttentionTests {
  private func saw(_ shape: [Int], scale: Float = 1, shift: Float = 0) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(
      shape: shape, (0..<count).map { (Float($0 % 5) * 0.5 - 1) * scale + shift })
  }

  private func run(
    _ type: String, _ inputs: [Tensor?], outputs: Int = 1, _ attributes: Attribute...
  ) throws -> [[Float]] {
    let node = Node(
      type, domain: "com.microsoft",
      inputs: inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" },
      outputs: (0..<outputs).map { "y\($0)" }, attributes: attributes)
    return try checkOperator(node, inputs, opset: 1).map {
      Array(try #require($0).elements(as: Float.self))
    }
  }

  private func expect(
    _ x: [Float], _ y: [Float], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      x.count == y.count && zip(x, y).allSatisfy { abs($0 - $1) < 1e-5 }, "\(x)",
      sourceLocation: sourceLocation)
  }

  @Test func convolvesWithTheNumbersBefore() throws {
    let y = try run(
      "CausalConvWithState",
      [saw([1, 2, 3]), saw([2, 1, 3]), saw([2]), saw([1, 2, 2], scale: 2)], outputs: 2,
      .string("activation", "silu"))
    expect(y[0], [1.2263616, 0.31122968, 0.14054413, 0, -0.18877034, 1.4909173])
    expect(y[1], [-0.5, 0, 1, -1])
  }

  @Test func keysMayHaveMoreHeadsThanQueries() throws {
    let y = try run(
      "LinearAttention",
      [
        saw([1, 2, 2]), saw([1, 2, 4]), saw([1, 2, 2]), nil, saw([1, 2, 2], shift: -1),
        saw([1, 2, 2], scale: 0.2, shift: 0.5),
      ], outputs: 2, .int("q_num_heads", 1), .int("kv_num_heads", 2))
    expect(y[0], [-0.26516503, 0.035355341, 0.029264633, -0.021444097])
    expect(y[1], [0.082772881, 0.082772881, -0.15000001, -0.060653068])
  }

  @Test func gatesOfALinearAttention() throws {
    let y = try run(
      "LinearAttentionGate", [saw([1, 2, 2]), saw([2]), saw([2]), saw([1, 2, 2])], outputs: 2)
    expect(y[0], [-0.12692805, -0.15663083, -0.31326166, -0.34657359])
    expect(y[1], [0.26894143, 0.37754071, 0.5, 0.62245929])
  }

  @Test func pairsRotateByTheirOwnPosition() throws {
    let positions = Tensor(shape: [3, 1, 1], [1, 2, 0] as [Int64])
    let y = try run(
      "MRotaryEmbedding", [saw([1, 1, 6]), positions, saw([3, 3]), saw([3, 3], shift: 0.2)],
      .int("num_heads", 1), .ints("mrope_section", [1, 1, 1]))
    expect(y[0], [-0.85000002, -0.2, 0.2, -0.44999999, -0.1, 0])
    #expect(throws: (any Error).self) {
      try run(
        "MRotaryEmbedding", [saw([1, 1, 6]), positions, saw([3, 3]), saw([3, 3])],
        .int("num_heads", 1), .ints("mrope_section", [1, 1, .max]))
    }
  }

  @Test func oneQueryWritesIntoTheSharedBuffer() throws {
    let y = try run(
      "DecoderMaskedMultiHeadAttention",
      [
        saw([1, 1, 8]), saw([1, 1, 8]), saw([1, 1, 8], shift: 1), nil, nil, saw([1, 1, 3, 8]),
        saw([1, 1, 3, 8], scale: 2), Tensor(shape: [1], [1 as Int32]),
      ], outputs: 3, .int("num_heads", 1), .int("past_present_share_buffer", 1))
    expect(y[0], [-1, -0.25, 0.5, 1.25, 2, -1, -0.25, 0.5])
    expect(
      y[1],
      [
        -1, -0.5, 0, 0.5, 1, -1, -0.5, 0, -1, -0.5, 0, 0.5, 1, -1, -0.5, 0, -0.5, 0, 0.5, 1, -1,
        -0.5, 0, 0.5,
      ])
    expect(
      y[2], [-2, -1, 0, 1, 2, -2, -1, 0, 0, 0.5, 1, 1.5, 2, 0, 0.5, 1, -1, 0, 1, 2, -2, -1, 0, 1])
  }
}
