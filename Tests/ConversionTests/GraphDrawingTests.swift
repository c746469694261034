import Foundation
import FoundationXML
import ONNX
import ONNXConversion
import Testing

@Suite struct GraphDrawingTests {
  /// The SVG, which must be valid XML, and its width and height.
  private func page(_ model: Model) throws -> (svg: String, width: Double, height: Double) {
    let svg = try GraphDrawing(model).svg()
    #expect(XMLParser(data: Data(svg.utf8)).parse())
    #expect(try GraphDrawing(model).svg() == svg)
    func size(_ name: String) -> Double {
      Double(svg.split(separator: "\(name)=\"").dropFirst().first?.prefix { $0 != "\"" } ?? "") ?? 0
    }
    return (svg, size("width"), size("height"))
  }

  @Test func everyNodeIsDrawnWithItsConstants() throws {
    var model = dense
    model.graph.nodes[1].name = "a<b>\"&"
    model.graph.outputs[0].name = "y"
    model = try model.renaming(["x": "<&\">"])
    let svg = try page(model).svg
    for name in ["MatMul", "Relu", "Add", "&lt;&amp;\"&gt;", "w 3×4"] {
      #expect(svg.contains(name), "\(name)")
    }
    #expect(!svg.contains("<&"))
    let dot = GraphDrawing(model).dot
    #expect(dot.contains("n1 -> n2"))
    #expect(dot.contains("<&\\\">"))
  }

  @Test func tooltipsAndTheLegendExplainTheBoxes() throws {
    let svg = try page(dense).svg
    #expect(
      svg.contains(
        "<title>MatMul\nname product\ninput x: float32[2,3]\ninput w: float32[3,4]\n"
          + "output p: float32[2,4]</title>"), "\(svg)")
    for kind in ["input, output", "convolution, product", "activation", "arithmetic"] {
      #expect(svg.contains(">\(kind)</text>"), "\(kind)")
    }
    #expect(!svg.contains(">normalization</text>"))
    #expect(GraphDrawing(dense).dot.contains("tooltip=\"Relu\\nname relu\\n"))
  }

  @Test func whatIsComputedFromConstantsHasNoBox() throws {
    let folded = model(
      13, [2, 3],
      [
        Node("Transpose", inputs: ["w"], outputs: ["t"]),
        Node("Identity", inputs: ["t"], outputs: ["u"]),
        Node("MatMul", inputs: ["x", "u"], outputs: ["y"]),
      ], constants: [NamedTensor("w", noise([4, 3], seed: 1))], output: [2, 4])
    let svg = try page(folded).svg
    #expect(svg.contains(">u 3×4<") && !svg.contains("Transpose"), "\(svg)")
  }

  @Test func tallGraphsContinueInColumns() throws {
    let names = ["x"] + (1..<120).map { "v\($0)" } + ["y"]
    var nodes = (0..<120).map { Node("Relu", inputs: [names[$0]], outputs: [names[$0 + 1]]) }
    // A value that passes all columns.
    nodes[119] = Node("Add", inputs: ["v119", "v1"], outputs: ["y"])
    let page = try page(model(13, [2], nodes, output: [2]))
    #expect(page.height < 3000, "\(page.height)")
    #expect(page.width > page.height / 2 && page.width < 4 * page.height, "\(page.width)")
  }

  @Test func bodiesAreDrawnInFrames() throws {
    let branch = Graph(
      name: "then", nodes: [Node("Add", inputs: ["x", "one"], outputs: ["sum"])],
      outputs: [ValueInfo("sum", .tensor(.float32, [2]))],
      initializers: [NamedTensor("one", Tensor(1 as Float))])
    var other = branch
    other.nodes[0].operatorType = "Sub"
    let choice = model(
      13, [2],
      [
        Node("ReduceMax", inputs: ["x"], outputs: ["m"], attributes: [.int("keepdims", 0)]),
        Node("Cast", inputs: ["m"], outputs: ["c"], attributes: [.int("to", 9)]),
        Node(
          "If", name: "choice", inputs: ["c"], outputs: ["y"],
          attributes: [.graph("then_branch", branch), .graph("else_branch", other)]),
      ], output: [2])
    let svg = try page(choice).svg
    for text in ["If choice: then_branch", "If choice: else_branch", "from outside", ">Sub<"] {
      #expect(svg.contains(text), "\(text)")
    }
    #expect(GraphDrawing(choice).dot.contains("subgraph cluster_2"))
  }

  @Test func graphsWithCyclesAreNotDrawn() {
    let round = model(
      13, [2],
      [
        Node("Add", inputs: ["x", "b"], outputs: ["a"]),
        Node("Relu", inputs: ["a"], outputs: ["b"]),
        Node("Relu", inputs: ["b"], outputs: ["y"]),
      ])
    #expect(throws: ConversionError.self) { try GraphDrawing(round).svg() }
    #expect(GraphDrawing(round).dot.contains("->"))
  }
}
