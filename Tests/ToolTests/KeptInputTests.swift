import Foundation
import ONNX
import Testing

/// Files that a command reads are not replaced by those that it writes.
@Suite struct KeptInputTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  private func expectRefusal(_ arguments: [String], _ reason: String, _ name: String) throws {
    let tool = try Tool(arguments, path: Tool.path(of: name))
    #expect(tool.status == 2)
    #expect(tool.errors.contains(reason), "\(tool.errors)")
  }

  @Test func picturesOfTheData() throws {
    let picture = try folder.write("", to: "data/cat/0.png")
    let data = folder.path("data")
    let command = ["new", "lenet5", "--data", data, "--output", folder.path("o.onnx")]
    try expectRefusal(
      command + ["--show-augmented", picture], "would replace a file that is read", "onnx-train")
    try expectRefusal(
      ["compare", "activations", "--data", data, "--output", picture],
      "would replace a file that is read", "onnx-train")
  }

  @Test func theDataOfATaggerAndItsCurves() throws {
    let data = try folder.write("a O\n\n", to: "t.csv")
    try expectRefusal(
      ["new", "tagger", "--data", data, "--output", folder.path("o.onnx"), "--curves"]
        + [folder.path("t")], "would replace a file that is read", "onnx-train")
  }

  @Test func outputsHaveNamesOfTheirOwn() throws {
    let path = folder.path("o.onnx")
    try expectRefusal(
      ["new", "parity", "--output", path, "--checkpoint", path], "two outputs have this name",
      "onnx-train")
  }

  @Test func inputsOfAPicture() throws {
    let model = packageFile("models/lenet5.onnx")
    let digit = folder.path("7.png")
    try FileManager.default.copyItem(atPath: packageFile("models/digits/7.png"), toPath: digit)
    try expectRefusal(
      ["explain", "cam", model, "--input", digit, "--output", digit],
      "would replace a file that is read", "onnx-run")
  }

  @Test func generatedDataIsNotRead() throws {
    try expectRefusal(
      ["new", "parity", "--data", folder.path, "--output", folder.path("o.onnx")],
      "parity generates its data", "onnx-train")
  }
}
