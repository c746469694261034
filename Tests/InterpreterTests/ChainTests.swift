import ONNX
import Testing

/// Chained elementwise operations give the same bits as separate ones.
@Suite struct ChainTests {
  private func outputs(
    _ model: Model, _ passes: [any Pass], _ x: Tensor
  ) throws -> [String: Tensor] {
    var options = SessionOptions()
    options.passes = passes
    return try Session(model, options: options).run(["x": x])
  }

  private func check(_ model: Model, _ x: Tensor) throws {
    let plain = try outputs(model, [], x)
    #expect(try outputs(model, [.chains], x) == plain)
  }

  private func node(_ type: String, _ inputs: [String], _ output: String) -> Node {
    Node(type, inputs: inputs, outputs: [output])
  }

  @Test func aChainWithScalarsAndSeveralOutputs() throws {
    let model = Models.model(
      [
        node("Mul", ["x", "half"], "a"), node("Add", ["a", "x"], "b"),
        node("Sqrt", ["b"], "c"), node("Div", ["a", "c"], "d"), node("Neg", ["d"], "e"),
      ], outputs: ["b", "e"], initializers: [NamedTensor("half", Tensor(Float(0.5)))])
    let x = floats([700, 2], (0..<1400).map { Float($0) + 1 })
    try check(model, x)
    try check(model, floats([0, 2], []))
  }

  @Test func aResultThatIsNeededInBetweenStaysOutside() throws {
    // The mean of `a` is needed for `b`, so `a` and `b` cannot run together.
    let model = Models.model(
      [
        node("Mul", ["x", "x"], "a"), node("ReduceMean", ["a"], "m"),
        node("Sub", ["a", "m"], "b"), node("Mul", ["b", "b"], "y"),
      ])
    try check(model, floats([3, 2], [1, 2, 3, 4, 5, 6]))
  }

  @Test func operandsThatAreBroadcastStayOutside() throws {
    let model = Models.model(
      [
        node("Mul", ["x", "row"], "a"), node("Add", ["a", "x"], "b"), node("Sub", ["b", "a"], "y"),
      ],
      initializers: [NamedTensor("row", floats([2], [2, 3]))])
    try check(model, floats([3, 2], [1, 2, 3, 4, 5, 6]))
  }
}
