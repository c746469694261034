import ONNX
import OperatorLaws
import Testing

@Suite struct AttentionTests {
  func node(
    _ type: String, _ inputs: [String], outputs: Int = 1, domain: String? = nil,
    _ attributes: Attribute...
  ) -> Node {
    Node(
      type, domain: domain, inputs: inputs, outputs: (0..<outputs).map { "o\($0)" },
      attributes: attributes)
  }

  let query = float32([1, 2, 2, 2], [1, 0, 2, 1, 0, 1, 1, 1])
  let key = float32([1, 1, 2, 2], [1, 1, 0, 2])
  let value = float32([1, 1, 2, 2], [1, 2, 3, 4])

  @Test func attendsToPastAndPresent() throws {
    let y = try checkOperator(
      node(
        "Attention", ["q", "k", "v", "", "pk", "pv"], outputs: 4, .float("scale", 0.5),
        .float("softcap", 2), .int("is_causal", 1),
        .int("qk_matmul_output_mode", 3)),
      [query, key, value, nil, float32([1, 1, 1, 2], [2, 0]), float32([1, 1, 1, 2], [5, 6])])
    let expected: [Float] = [
      3.4276924, 4.4276924, 3.1921344, 4.1921349, 2.5197277, 3.5197275, 3, 4,
    ]
    let weights: [Float] = [
      0.6069231, 0.39307687, 0, 0.42993385, 0.33386645, 0.23619965, 0.3799319, 0.62006807, 0,
      0.33333333, 0.33333333, 0.33333333,
    ]
    #expect(try #require(y[0]).isNear(to: float32([1, 2, 2, 2], expected)))
    #expect(y[1] == float32([1, 1, 3, 2], [2, 0, 1, 1, 0, 2]))
    #expect(y[2] == float32([1, 1, 3, 2], [5, 6, 1, 2, 3, 4]))
    #expect(try #require(y[3]).isNear(to: float32([1, 2, 2, 3], weights)))
  }

  @Test func queryWithoutKeysGivesZeros() throws {
    let y = try checkOperator(
      node("Attention", ["q", "k", "v", "m"], .float("scale", 0.5)),
      [query, key, value, Tensor(shape: [2, 2], [true, true, false, false])])
    let expected: [Float] = [1.7550814, 2.7550814, 0, 0, 2.2449188, 3.2449188, 0, 0]
    #expect(try #require(y[0]).isNear(to: float32([1, 2, 2, 2], expected)))
  }

  @Test func headsMayBePacked() throws {
    let y = try checkOperator(
      node(
        "Attention", ["q", "k", "v"], .float("scale", 0.5), .int("q_num_heads", 2),
        .int("kv_num_heads", 1)),
      [
        float32([1, 2, 4], [1, 0, 0, 1, 2, 1, 1, 1]), float32([1, 2, 2], [1, 1, 0, 2]),
        float32([1, 2, 2], [1, 2, 3, 4]),
      ])
    let expected: [Float] = [
      1.7550814, 2.7550814, 2.2449188, 3.2449188, 1.7550814, 2.7550814, 2, 3,
    ]
    #expect(try #require(y[0]).isNear(to: float32([1, 2, 4], expected)))
  }

  /// The result for a query does not depend on the block it is in.
  @Test func longQueriesAreCutIntoBlocks() throws {
    let (long, width) = (300, 3)
    let q = float32([1, 1, long, width], noise(long * width))
    let k = float32([1, 1, 5, width], noise(5 * width, seed: 2))
    let attention = node("Attention", ["q", "k", "k"])
    let y = try #require(try checkOperator(attention, [q, k, k])[0]).reals
    for index in [0, 255, 256, 299] {
      let row = Array(q.elements(as: Float.self)[index * width..<(index + 1) * width])
      let one = try checkOperator(attention, [float32([1, 1, 1, width], row), k, k])[0]
      let part = y[index * width..<(index + 1) * width].map { Float($0) }
      #expect(try #require(one).isNear(to: float32([1, 1, 1, width], part)))
    }
  }

  @Test func lengthsOfTheCacheMayBeAnything() throws {
    let attention = node(
      "Attention", ["q", "k", "v", "", "", "", "n"], .int("is_causal", 1))
    for length in [Int64.min, -1, 0, .max] {
      try checkOperator(
        attention, [query, key, value, nil, nil, nil, Tensor(shape: [1], [length])])
    }
  }

  @Test func attentionRefusesWhatDoesNotFit() {
    let plain = node("Attention", ["q", "k", "v"])
    let masked = node("Attention", ["q", "k", "v", "m"])
    let bad: [(Node, [Tensor?])] = [
      (plain, [query, float32([1, 1, 2, 3], ramp(6)), value]),
      (plain, [query, key, float32([1, 1, 3, 2], ramp(6))]),
      (plain, [query, float32([1, 3, 2, 2], ramp(12)), float32([1, 3, 2, 2], ramp(12))]),
      (plain, [query, float32([1, 0, 2, 2], []), float32([1, 0, 2, 2], [])]),
      (plain, [float32([1, 2, 4], ramp(8)), key, value]),
      (masked, [query, key, value, float32([2, 3], ramp(6))]),
      (masked, [query, key, value, float32([], [0])]),
      (
        node("Attention", ["q", "k", "v", "", "pk"]),
        [query, key, value, nil, float32([1, 1, 1, 2], [2, 0])]
      ),
      (node("Attention", ["q", "k", "v"], .int("q_num_heads", .min)), [query, key, value]),
      (
        node("Attention", ["q", "k", "v"], .int("softmax_precision", 7)),
        [query, key, value]
      ),
    ]
    for (node, inputs) in bad {
      #expect(throws: OperatorError.self) { try checkOperator(node, inputs) }
    }
  }

  @Test func flexAttentionWithoutGraphsIsPlain() throws {
    let flex = node(
      "FlexAttention", ["q", "k", "v"], domain: "ai.onnx.preview", .float("scale", 0.5))
    let y = try checkOperator(flex, [query, key, value], opset: 1)
    let expected: [Float] = [
      1.7550814, 2.7550814, 1.7550814, 2.7550814, 2.2449188, 3.2449188, 2, 3,
    ]
    #expect(try #require(y[0]).isNear(to: float32([1, 2, 2, 2], expected)))
    #expect(throws: OperatorError.self) {
      try checkOperator(flex, [float32([1, 2, 4], ramp(8)), key, value], opset: 1)
    }
  }

  @Test func linearAttentionCarriesItsState() throws {
    let heads: [Attribute] = [.int("q_num_heads", 1), .int("kv_num_heads", 1)]
    let names = ["q", "k", "v", "", "d", "b"]
    let linear = node("LinearAttention", names, outputs: 2, heads[0], heads[1])
    let inputs: [Tensor?] = [
      float32([1, 2, 2], [1, 2, 0.5, 1]), float32([1, 2, 2], [1, 0, 0.6, 0.8]),
      float32([1, 2, 2], [1, 2, 3, -1]), nil, float32([1, 2, 1], [-0.5, -0.25]),
      float32([1, 2, 1], [0.5, 1]),
    ]
    let y = try checkOperator(linear, inputs, opset: 27)
    let expected: [Float] = [0.35355338, 0.70710677, 2.2893968, -0.86592865]
    let state: [Float] = [2.0492163, -0.10156757, 2.2130878, -1.1738243]
    #expect(try #require(y[0]).isNear(to: float32([1, 2, 2], expected)))
    #expect(try #require(y[1]).isNear(to: float32([1, 1, 2, 2], state)))
    let rule = Attribute.string("update_rule", "linear")
    let forbidden = node("LinearAttention", names, heads[0], heads[1], rule)
    #expect(throws: OperatorError.self) { try checkOperator(forbidden, inputs, opset: 27) }
    var short = inputs
    short[1] = float32([1, 1, 2], [1, 0])
    #expect(throws: OperatorError.self) { try checkOperator(linear, short, opset: 27) }
  }

  @Test func rotatesPairsByTheirPlace() throws {
    let rotary = node(
      "RotaryEmbedding", ["x", "c", "s", "p"], .int("num_heads", 2),
      .int("rotary_embedding_dim", 2))
    let x = float32([1, 2, 6], ramp(12, from: 1))
    let (cosines, sines) = (float32([2, 1], [1, 0.6]), float32([2, 1], [0, 0.8]))
    let y = try checkOperator(
      rotary, [x, cosines, sines, Tensor(shape: [1, 2], [1, 0] as [Int64])])
    let expected: [Float] = [-1, 2, 3, -1.6, 6.2, 6, 7, 8, 9, 10, 11, 12]
    #expect(try #require(y[0]).isNear(to: float32([1, 2, 6], expected)))
    for place in [-1, 2, Int.max] {
      #expect(throws: OperatorError.self) {
        try checkOperator(rotary, [x, cosines, sines, Tensor(shape: [1, 2], [0, Int64(place)])])
      }
    }
  }

  @Test func swigluGatesItsSecondInput() throws {
    let swiglu = node("SwiGLU", ["a", "b"], .float("alpha", 1.5))
    let (a, b) = (float32([3], [-1, 0, 2]), float32([3], [3, 4, 0.5]))
    let y = try checkOperator(swiglu, [a, b], opset: 28)
    #expect(try #require(y[0]).isNear(to: float32([3], [-0.5472766, 0, 0.95257413])))
    #expect(throws: OperatorError.self) {
      try checkOperator(swiglu, [a, float32([1], [1])], opset: 28)
    }
  }
}
