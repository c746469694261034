import ONNX
import Testing

/// The nodes of scaled dot-product attention become one operator where, and only where, it computes the
/// same.
@Suite struct AttentionRewriteTests {
  private func node(
    _ type: String, _ inputs: [String], _ output: String, _ attributes: Attribute...
  ) -> Node {
    Node(type, inputs: inputs, outputs: [output], attributes: attributes)
  }

  private func transpose(_ x: String, _ order: [Int], _ y: String) -> Node {
    node("Transpose", [x], y, .ints("perm", order))
  }

  private func numbers(_ shape: [Int], _ step: Int) -> Tensor {
    floats(shape, (0..<shape.reduce(1, *)).map { Float(($0 * step) % 23) / 8 - 1.25 })
  }

  /// Runs the nodes with rewriting and without any pass, and compares the outputs.
  /// - Returns: the operators after rewriting
  private func rewritten(
    _ nodes: [Node], _ inputs: [String: Tensor], extra: [NamedTensor] = []
  ) throws -> [String] {
    let constants = [
      NamedTensor("scale", Tensor(Float(0.3))), NamedTensor("root", Tensor(Float(2.5))),
      NamedTensor("low", Tensor(-Float.infinity)), NamedTensor("zero", Tensor(Float(0))),
      NamedTensor("few", Tensor(Float(-1000))),
    ]
    let model = Models.model(
      nodes,
      inputs: inputs.sorted { $0.key < $1.key }.map { name, tensor in
        ValueInfo(name, .tensor(tensor.elementType, tensor.shape))
      }, outputs: ["y"], initializers: constants + extra, opset: 18)
    func run(_ passes: [any Pass]) throws -> ([Float], [String], [Int]) {
      var options = SessionOptions()
      options.passes = passes
      options.threads = 2
      let session = try Session(model, options: options)
      let y = try #require(try session.run(inputs)["y"])
      let plan = try session.describePlan(shapes: inputs.mapValues(\.shape))
      return (try y.array(as: Float.self), plan.steps.map(\.operatorType), y.shape)
    }
    let (plain, fused) = (try run([]), try run([.rewriting]))
    #expect(plain.2 == fused.2)
    for (a, b) in zip(plain.0, fused.0) where !(abs(a - b) <= 2e-6 * max(1, abs(a))) {
      Issue.record("\(b) instead of \(a)")
      break
    }
    return fused.1
  }

  /// Batch, heads, queries, keys, sizes of keys and values: around blocks and panels of every
  /// instruction set, and few queries.
  static let sizes = [
    [1, 1, 1, 1, 1, 1], [2, 3, 1, 9, 8, 5], [1, 2, 4, 17, 64, 64], [2, 2, 5, 3, 7, 9],
    [1, 9, 33, 31, 16, 17], [1, 1, 70, 300, 33, 40],
  ]

  private func inputs(_ n: [Int]) -> [String: Tensor] {
    [
      "q": numbers([n[0], n[1], n[2], n[4]], 37), "k": numbers([n[0], n[1], n[3], n[4]], 29),
      "v": numbers([n[0], n[1], n[3], n[5]], 31),
    ]
  }

  @Test(arguments: sizes) func plainHeads(sizes: [Int]) throws {
    let operators = try rewritten(
      [
        transpose("k", [0, 1, 3, 2], "t"), node("MatMul", ["q", "t"], "s"),
        node("Mul", ["s", "scale"], "c"), node("Softmax", ["c"], "p"),
        node("MatMul", ["p", "v"], "y"),
      ], inputs(sizes))
    #expect(operators == ["FusedAttention"])
  }

  @Test(arguments: sizes) func transposedHeadsWithScaledFactors(sizes n: [Int]) throws {
    let inputs = [
      "q": numbers([n[0], n[2], n[1], n[4]], 37), "k": numbers([n[0], n[3], n[1], n[4]], 29),
      "v": numbers([n[0], n[3], n[1], n[5]], 31),
      "m": numbers([n[0], 1, n[2], n[3]], 41),
    ]
    let operators = try rewritten(
      [
        transpose("q", [0, 2, 1, 3], "q1"), node("Mul", ["q1", "scale"], "q2"),
        transpose("k", [0, 2, 3, 1], "k1"), node("Div", ["k1", "root"], "k2"),
        transpose("v", [0, 2, 1, 3], "v1"), node("MatMul", ["q2", "k2"], "s"),
        node("Add", ["m", "s"], "c"), node("Softmax", ["c"], "p", .int("axis", 3)),
        node("MatMul", ["p", "v1"], "o"), transpose("o", [0, 2, 1, 3], "y"),
      ], inputs)
    #expect(operators == ["FusedAttention"])
  }

  @Test(arguments: sizes) func maskOfKeys(sizes n: [Int]) throws {
    var inputs = inputs(n)
    inputs["m"] = numbers([n[0], 1, 1, n[3]], 41)
    let operators = try rewritten(
      [
        transpose("k", [0, 1, 3, 2], "t"), node("MatMul", ["q", "t"], "s"),
        node("Div", ["s", "root"], "d"), node("Add", ["d", "m"], "c"), node("Softmax", ["c"], "p"),
        node("MatMul", ["p", "v"], "y"),
      ], inputs)
    #expect(operators == ["FusedAttention"])
  }

  @Test(arguments: sizes, [true, false]) func boolMask(sizes n: [Int], isInverted: Bool) throws {
    var inputs = inputs(n)
    let count = n[2] * n[3]
    inputs["m"] = Tensor(
      shape: [n[2], n[3]], (0..<count).map { ($0 % n[3] == 0) || ($0 % 3 == 0) != isInverted })
    let choice = isInverted ? ["m", "few", "s"] : ["m", "s", "low"]
    let operators = try rewritten(
      [
        transpose("k", [0, 1, 3, 2], "t"), node("MatMul", ["q", "t"], "s"),
        node("Where", choice, "c"), node("Softmax", ["c"], "p"), node("IsNaN", ["p"], "n"),
        node("Where", ["n", "zero", "p"], "w"), node("MatMul", ["w", "v"], "y"),
      ], inputs)
    #expect(operators == ["FusedAttention"])
  }

  @Test func matricesWithoutHeads() throws {
    let inputs = [
      "q": numbers([6, 3, 8], 37), "k": numbers([9, 3, 8], 29), "v": numbers([3, 9, 5], 31),
      "m": numbers([3, 6, 9], 41),
    ]
    let operators = try rewritten(
      [
        transpose("q", [1, 0, 2], "q1"), transpose("k", [1, 2, 0], "k1"),
        node("MatMul", ["q1", "k1"], "s"), node("Add", ["s", "m"], "c"),
        node("Softmax", ["c"], "p"), node("MatMul", ["p", "v"], "y"),
      ], inputs)
    #expect(operators == ["FusedAttention"])
  }

  @Test func batchesAndHeadsMayBeRepeated() throws {
    let inputs = [
      "q": numbers([2, 1, 6, 8], 37), "k": numbers([1, 3, 9, 8], 29),
      "v": numbers([2, 3, 9, 5], 31), "m": numbers([2, 1, 1, 9], 41),
    ]
    let operators = try rewritten(
      [
        transpose("k", [0, 1, 3, 2], "t"), node("MatMul", ["q", "t"], "s"),
        node("Add", ["s", "m"], "c"), node("Softmax", ["c"], "p"),
        node("MatMul", ["p", "v"], "o"), transpose("o", [0, 2, 1, 3], "y"),
      ], inputs)
    #expect(operators == ["FusedAttention"])
  }

  @Test func otherFormulasStay() throws {
    let start = [transpose("k", [0, 1, 3, 2], "t"), node("MatMul", ["q", "t"], "s")]
    let n = [1, 2, 5, 5, 4, 4]
    let columns =
      start + [
        node("Softmax", ["s"], "p", .int("axis", 2)), node("MatMul", ["p", "v"], "y"),
      ]
    #expect(try !rewritten(columns, inputs(n)).contains("FusedAttention"))
    let used =
      start + [
        node("Softmax", ["s"], "p"), node("MatMul", ["p", "v"], "o"), node("Add", ["o", "p"], "y"),
      ]
    var same = inputs([1, 2, 5, 5, 4, 5])
    #expect(try !rewritten(used, same).contains("FusedAttention"))
    same["m"] = numbers([1, 2, 5, 1], 41)
    let column =
      start + [
        node("Add", ["s", "m"], "c"), node("Softmax", ["c"], "p"), node("MatMul", ["p", "v"], "y"),
      ]
    #expect(try !rewritten(column, same).contains("FusedAttention"))
  }
}
