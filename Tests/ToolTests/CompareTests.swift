import Foundation
import ONNXImages
import ONNXPlots
import Testing

/// `onnx-train compare`, and the picture that it draws.
@Suite struct CompareTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  private func compare(_ arguments: String...) throws -> Tool {
    try Tool(["compare"] + arguments, path: Tool.path(of: "onnx-train"))
  }

  @Test func chartsStandSideBySide() throws {
    let plot = Plot("title", xLabel: "x", yLabel: "y", [Plot.Series("a", [1, 2])])
    var page = PlotPage([plot, plot, plot])
    page.size = (300, 200)
    try page.write(to: folder.path("page.png"))
    let image = try Image(contentsOf: folder.path("page.png"))
    #expect(image.width == 600 && image.height == 400)
    try page.write(to: folder.path("page.svg"))
    let text = try String(contentsOfFile: folder.path("page.svg"), encoding: .utf8)
    #expect(text.components(separatedBy: ">title</text>").count == 4)
  }

  @Test func epochsAreWhole() {
    var plot = Plot("", xLabel: "epoch", yLabel: "loss", [Plot.Series("", [50, 90], from: 1)])
    plot.hasWholeX = true
    #expect(plot.svg().contains(">2</text>") && !plot.svg().contains(">1."))
  }

  @Test func clippingKeepsTheGradientsOfEveryStep() throws {
    let picture = folder.path("clipping.png")
    let tool = try compare("clipping", "--epochs", "1", "--threads", "1", "--output", picture)
    #expect(tool.status == 0, "\(tool.errors)")
    #expect(tool.lines.map { $0.prefix(8) } == ["Limits t", "no limit", "limit 5 ", "limit 1 "])
    #expect(try Image(contentsOf: picture).width == 1520)
    let table = try String(contentsOfFile: folder.path("clipping.csv"), encoding: .utf8)
    let steps = table.split(separator: "\n").filter { $0.hasPrefix("limit 1,") }
    #expect(steps.count == 250)
  }

  @Test func optionsThatCannotApplyAreRefused() throws {
    for (arguments, reason) in [
      (["windows", "--data", "x", "--output", "a.png"], "windows generates its data"),
      (["optimizers", "--output", "a.png"], "optimizers needs pictures"),
      (["clipping", "--output", "a.txt"], "expected a file named .png or .svg"),
    ] {
      let tool = try Tool(["compare"] + arguments, path: Tool.path(of: "onnx-train"))
      #expect(tool.status == 2)
      #expect(tool.errors.contains(reason), "\(tool.errors)")
    }
  }
}
