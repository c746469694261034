import ONNX
import Testing

/// float16 values between nodes are float32.
@Suite struct Float16WideningTests {
  private let ones = NamedTensor("ones", Tensor(shape: [2], [1, 1] as [Float16]))

  /// Runs nodes that compute `y` from `x`, or from `scaled`, which is `x` times a weight of ones.
  private func run(
    _ nodes: [Node], _ x: [Float16], passes: [any Pass], weights: Bool = true
  ) throws -> [Float16] {
    let type = ValueType.tensor(.float16, [2])
    let model = Model(
      graph: Graph(
        nodes: weights ? [Node("Mul", inputs: ["x", "ones"], outputs: ["scaled"])] + nodes : nodes,
        inputs: [ValueInfo("x", type)], outputs: [ValueInfo("y", nil)],
        initializers: weights ? [ones] : []),
      operatorSets: [OperatorSetImport(version: 18)])
    var options = SessionOptions()
    options.passes = passes
    let y = try Session(model, options: options).run(["x": Tensor(shape: [2], x)])["y"]
    return Array(try #require(y).elements(as: Float16.self))
  }

  private func norm(of x: String) -> [Node] {
    [
      Node("Mul", inputs: [x, x], outputs: ["squares"]),
      Node("ReduceSum", inputs: ["squares"], outputs: ["sum"]),
      Node("Sqrt", inputs: ["sum"], outputs: ["y"]),
    ]
  }

  @Test func valuesBetweenNodesDoNotOverflow() throws {
    #expect(try run(norm(of: "scaled"), [300, 400], passes: [.widening]) == [500])
    #expect(try run(norm(of: "scaled"), [300, 400], passes: Passes.standard) == [500])
    #expect(try run(norm(of: "scaled"), [300, 400], passes: []) == [.infinity])
    #expect(try run(norm(of: "x"), [300, 400], passes: [.widening], weights: false) == [.infinity])
  }

  @Test func conversionsToFloat16Round() throws {
    let rounded = [
      Node("Mul", inputs: ["x", "x"], outputs: ["squares"]),
      Node("Neg", inputs: ["squares"], outputs: ["negative"]),
      Node("Cast", inputs: ["negative"], outputs: ["wide"], attributes: [.int("to", 1)]),
      Node("Cast", inputs: ["wide"], outputs: ["half"], attributes: [.int("to", 10)]),
      Node("Abs", inputs: ["half"], outputs: ["positive"]),
      Node("Sqrt", inputs: ["positive"], outputs: ["y"]),
    ]
    #expect(try run(rounded, [300, 2], passes: [.widening]) == [.infinity, 2])
  }

  @Test func aNodeAloneStays() throws {
    let model = Model(
      graph: Graph(
        nodes: [Node("Sqrt", inputs: ["x"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float16, [2]))], outputs: [ValueInfo("y", nil)],
        initializers: [ones]),
      operatorSets: [OperatorSetImport(version: 18)])
    var options = SessionOptions()
    options.passes = [.widening]
    let report = try #require(try Session(model, options: options).passReports.last)
    #expect(report.nodesAfter == 1)
  }

  @Test func weightsMayBeConstantNodes() throws {
    let weight = Node(
      "Constant", inputs: [], outputs: ["weight"], attributes: [.tensor("value", ones.tensor)])
    let product = Node("Mul", inputs: ["x", "weight"], outputs: ["product"])
    let nodes = [weight, product] + norm(of: "product")
    #expect(try run(nodes, [300, 400], passes: Passes.standard, weights: false) == [500])
  }
}
