import ONNX
import Testing

/// `inspect --plan` shows what a run would do.
@Suite struct PlanTests {
  @Test func passesAndKernelsOfAModel() throws {
    let tool = try Tool(
      "inspect", packageFile("models/lenet5.onnx"), "--plan", "--shape", "image=2x1x28x28")
    #expect(tool.status == 0)
    #expect(tool.lines.contains { $0.hasPrefix("fusion ") && $0.contains("Conv + Tanh ×2") })
    #expect(tool.lines.contains { $0.contains("FusedConv") && $0.contains("[2,6,28,28]") })
    #expect(tool.lines.contains { $0.contains("Flatten") && $0.hasSuffix("view") })
    #expect(tool.lines.last?.hasPrefix("8 nodes, ") == true)
  }

  @Test func aModelThatCannotRunHasNoPlan() throws {
    let folder = try Folder()
    var model = Model.relu()
    model.graph.nodes[0].operatorType = "Rellu"
    try expectStop(["inspect", "--plan", try folder.write(model)], "no operator 'Rellu'")
  }
}
