import ONNX
import Testing

/// Passes from this package and from others, and their reports.
@Suite struct PassTests {
  /// Replaces `Neg` of `Neg` by nothing.
  private struct DoubleNegation: Pass {
    let name = "doubleNegation"

    func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
      for index in model.graph.nodes.indices where model.graph.nodes[index].operatorType == "Neg" {
        let inner = model.graph.nodes.first {
          $0.operatorType == "Neg" && $0.outputs == model.graph.nodes[index].inputs
        }
        guard let inner else { continue }
        model.graph.nodes[index] = Node(
          "Identity", inputs: inner.inputs, outputs: model.graph.nodes[index].outputs)
        context.note("Neg of Neg")
      }
    }
  }

  private let model = Models.model([
    Node("Neg", inputs: ["x"], outputs: ["a"]), Node("Neg", inputs: ["a"], outputs: ["b"]),
    Models.relu("b", "y"),
  ])

  @Test func aPassFromOutsideRunsAmongTheOthers() throws {
    var options = SessionOptions()
    options.passes.insert(DoubleNegation(), at: 0)
    let session = try Session(model, options: options)
    #expect(session.passReports.map(\.pass).contains("doubleNegation"))
    #expect(try !session.describePlan().steps.map(\.operatorType).contains("Neg"))
    #expect(try session.run(["x": floats([1, 2], [-1, 2])])["y"] == floats([1, 2], [0, 2]))
  }

  @Test func passesAreLeftOutByName() throws {
    for name in Set(Passes.standard.map(\.name)) {
      var options = SessionOptions()
      options.passes.remove(named: name)
      let session = try Session(model, options: options)
      #expect(!session.passReports.map(\.pass).contains(name))
      #expect(try session.run(["x": floats([1, 2], [-1, 2])])["y"] == floats([1, 2], [0, 2]))
    }
  }

  @Test func reportsCountChanges() throws {
    let nodes = (0..<3).map { Models.relu("x", "unused\($0)") } + [Models.relu("x", "y")]
    let report = try #require(
      try Session(Models.model(nodes)).passReports.first { $0.pass == "deadNodes" })
    #expect(report.nodesBefore == 4 && report.nodesAfter == 1)
    #expect(report.changes.map(\.text) == ["Relu"] && report.changes.map(\.count) == [3])
  }

  @Test func aPlanSaysWhatItsKernelsAre() throws {
    let model = Models.model(
      [
        Node("Conv", inputs: ["x", "w"], outputs: ["a"]), Models.relu("a", "b"),
        Node("Reshape", inputs: ["b", "s"], outputs: ["c"]),
        Node("Neg", inputs: ["c"], outputs: ["d"]), Node("Exp", inputs: ["d"], outputs: ["y"]),
      ], inputs: [ValueInfo("x", .tensor(.float32, [1, 8, 10, 10]))],
      initializers: [
        NamedTensor("w", floats([16, 8, 3, 3], Array(repeating: 1, count: 16 * 8 * 9))),
        NamedTensor("s", Tensor(shape: [2], [1, -1] as [Int64])),
      ])
    var options = SessionOptions()
    options.convolution = .winograd(size: 4)
    let plan = try Session(model, options: options).describePlan()
    #expect(plan.steps.map(\.operatorType) == ["FusedConv", "Reshape", "Neg", "Exp"])
    #expect(
      plan.steps[0].notes == ["Winograd F(4×4, 3×3): 8 → 16 channels, 8×8", "fused with Relu"])
    #expect(plan.steps[1].notes == ["view"])
    #expect(plan.steps[2].notes == ["in place"])
    #expect(plan.steps[3].outputs.map(\.name) == ["y"])
    #expect(plan.steps[3].outputs.map { $0.type } == [.tensor(.float32, [1, 1024])])
    #expect(plan.arenaBytes > 0)
  }
}
