import ONNX
import Testing

/// float16 values between nodes are float32.
@Suite struct Float16WideningTests {
  private func run(_ nodes: [Node], _ x: [Float16], passes: [any Pass]) throws -> [Float16] {
    let type = ValueType.tensor(.float16, [2])
    let model = Model(
      graph: Graph(
        nodes: nodes, inputs: [ValueInfo("x", type)], outputs: [ValueInfo("y", nil)]),
      operatorSets: [OperatorSetImport(version: 18)])
    var options = SessionOptions()
    options.passes = passes
    let y = try Session(model, options: options).run(["x": Tensor(shape: [2], x)])["y"]
    return Array(try #require(y).elements(as: Float16.self))
  }

  private let norm = [
    Node("Mul", inputs: ["x", "x"], outputs: ["squares"]),
    Node("ReduceSum", inputs: ["squares"], outputs: ["sum"]),
    Node("Sqrt", inputs: ["sum"], outputs: ["y"]),
  ]

  @Test func valuesBetweenNodesDoNotOverflow() throws {
    #expect(try run(norm, [300, 400], passes: [.widening]) == [500])
    #expect(try run(norm, [300, 400], passes: Passes.standard) == [500])
    #expect(try run(norm, [300, 400], passes: []) == [.infinity])
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
        inputs: [ValueInfo("x", .tensor(.float16, [2]))], outputs: [ValueInfo("y", nil)]),
      operatorSets: [OperatorSetImport(version: 18)])
    var options = SessionOptions()
    options.passes = [.widening]
    let report = try #require(try Session(model, options: options).passReports.last)
    #expect(report.nodesAfter == 1)
  }
}
