import Foundation
import ONNX
import Testing

@Suite struct RateFindingTests {
  let folder: Folder

  init() throws { folder = try Folder() }

  private func train(_ arguments: String...) throws -> Tool {
    try Tool(arguments, path: Tool.path(of: "onnx-train"))
  }

  @Test func aSearchPrintsATableAndWritesTheCurveButNoModel() throws {
    let tool = try train(
      "new", "forecast", "--hidden", "8", "--batch", "32", "--output", folder.path("m.onnx"),
      "--find-rate", "--threads", "1")
    #expect(tool.status == 0, "\(tool.errors)")
    #expect(tool.lines.first == "rate      loss      smoothed")
    #expect(tool.lines.dropFirst().first?.hasPrefix("1.0e-06   ") == true, "\(tool.lines)")
    let last = try #require(tool.lines.last?.split(separator: " "))
    #expect(last.dropLast() == ["suggested", "rate"])
    let rate = try #require(Double(last.last ?? ""))
    #expect(rate > 1e-5 && rate <= 1)
    let rows = String(decoding: try folder.bytes("m.rates.csv"), as: UTF8.self).split(
      separator: "\n")
    #expect(rows[0] == "rate,loss,smoothed" && rows.count > 50)
    for ending in ["svg", "png"] {
      #expect(FileManager.default.fileExists(atPath: folder.path("m.rates.\(ending)")))
    }
    for name in ["m.onnx", "m.curves.csv"] {
      #expect(!FileManager.default.fileExists(atPath: folder.path(name)))
    }
  }

  @Test(arguments: [
    (["--epochs", "3"], "so --epochs does not apply"), (["--rate", "0.1"], "so --rate does not"),
    (["--checkpoint", "c.onnx"], "so --checkpoint does not apply"),
    (["--curves", "missing/c"], "missing"),
  ])
  func optionsOfATrainingAreRefused(options: [String], reason: String) throws {
    let tool = try Tool(
      ["new", "parity", "--output", folder.path("m.onnx"), "--find-rate"] + options,
      path: Tool.path(of: "onnx-train"))
    #expect(tool.status == 2)
    #expect(tool.errors.contains(reason), "\(tool.errors)")
  }
}
