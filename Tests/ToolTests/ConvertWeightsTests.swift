import Foundation
import ONNX
import Testing

/// `onnx-convert` on weights.
struct ConvertWeightsTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  private func file(_ name: String) -> String {
    packageFile("Tests/ConversionTests/Files/\(name)")
  }

  private func convert(_ arguments: String...) throws -> Tool {
    try Tool(arguments, path: Tool.path(of: "onnx-convert"))
  }

  @Test func bindsAndReports() throws {
    let out = folder.path("out.onnx")
    let report = folder.path("report.json")
    let tool = try convert(
      "--graph", file("lstm_dynamo.onnx"), file("lstm.pt"), out, "--report", report)
    #expect(tool.status == 0)
    #expect(tool.errors == "")
    #expect(tool.lines.first == "the weights' prefix 'model.' is ignored")
    #expect(tool.lines.last?.contains("0 missing, 0 of another shape, 0 unused") == true)
    let model = try Model(contentsOf: out)
    #expect(
      try model.graph.initializers.count
        == Model(contentsOf: file("lstm_dynamo.onnx"))
        .graph.initializers.count)
    let data = try Data(contentsOf: URL(fileURLWithPath: report))
    let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let rows = try #require(json["tensors"] as? [[String: Any]])
    #expect(rows.contains { ($0["from"] as? [String])?.contains("model.fc.bias") == true })
  }

  @Test func standardOutputIsNoFile() throws {
    let tool = try convert(file("lstm_dynamo.onnx"), "-")
    #expect(tool.status == 2)
    #expect(tool.errors.contains("'./-'"))
  }

  @Test func formatsGoByTheEnding() throws {
    let (npz, tensors) = (folder.path("a.npz"), folder.path("a.safetensors"))
    #expect(try convert(file("zip.pt"), npz).status == 0)
    #expect(try convert(npz, tensors).status == 0)
    #expect(try NPZ.read(npz).count == 27)
    #expect(try convert(file("lstm_dynamo.onnx"), tensors).status == 0)
  }

  @Test func weightsOfOtherFrameworksAreConvertedAndBound() throws {
    for name in ["keras3.keras", "keras3.h5", "blocks.gguf", "export.pt2"] {
      let out = folder.path(name + ".safetensors")
      #expect(try convert(file("Foreign/\(name)"), out).status == 0)
    }
    let out = folder.path("texts.onnx")
    let tool = try convert("--graph", file("Foreign/texts.onnx"), file("Foreign/texts.h5"), out)
    #expect(tool.status == 0)
    #expect(tool.lines.last?.contains("0 missing, 0 of another shape, 0 unused") == true)
  }

  @Test func whatStopsTheWorkIsOneLine() throws {
    // The magic number, version and machine that torch.save writes, and then a call.
    let magic: [UInt8] = [0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
    let pickles: [[UInt8]] = [
      magic, [0x4D, 0xE9, 3], Array("}".utf8), Array("cos\nsystem\n(tR".utf8),
    ]
    let hostile = folder.path("hostile.pt")
    try Data(pickles.flatMap { [0x80, 2] + $0 + Array(".".utf8) })
      .write(to: URL(fileURLWithPath: hostile))
    let out = folder.path("out.safetensors")
    let cases: [([String], String)] = [
      ([hostile, out], "'os.system'"), ([file("zip.pt"), folder.path("out.onnx")], "--graph"),
      ([file("nothing.pt"), out], "No such file"),
      (["--graph", file("gru_dynamo.onnx"), file("resnet.pt"), folder.path("out.onnx")], "weight"),
      (["--architecture", "mlp", file("lstm.pt"), folder.path("out.onnx")], "size"),
      (["--graph", file("lstm_dynamo.onnx"), file("gru_dynamo.onnx"), out], "got a model"),
      (["--graph", file("Foreign/texts.h5"), file("lstm.pt"), out], "a Keras (HDF5) file"),
    ]
    for (arguments, text) in cases {
      let tool = try Tool(arguments, path: Tool.path(of: "onnx-convert"))
      #expect(tool.status == 2, "\(arguments)")
      #expect(tool.errors.split(separator: "\n").count == 1, "\(tool.errors)")
      #expect(tool.errors.contains(text), "\(tool.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: out))
    #expect(!FileManager.default.fileExists(atPath: folder.path("out.onnx")))
  }
}
