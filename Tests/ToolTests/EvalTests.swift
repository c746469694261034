import Foundation
import ONNX
import ONNXImages
import Testing

/// `onnx-run eval`.
struct EvalTests {
  let folder: Folder
  let digits = packageFile("models/digits")
  let lenet = packageFile("models/lenet5.onnx")

  init() throws { folder = try Folder() }

  private func object(_ tool: Tool) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(tool.output.utf8))
    return try #require(object as? [String: Any])
  }

  /// A model that returns its input `[N, columns]`.
  private func identity(_ columns: Int) throws -> String {
    let type = ValueType.tensor(.float32, [.symbol("N"), .size(columns)] as Shape)
    return try folder.write(
      Model(
        [Node("Identity", inputs: ["x"], outputs: ["y"])], inputs: [ValueInfo("x", type)],
        outputs: [ValueInfo("y", type)]), to: "identity\(columns).onnx")
  }

  private func archive(_ name: String, _ x: Tensor, _ y: Tensor) throws -> String {
    try NPZ.write([("x", x), ("y", y)], to: folder.path(name))
    return folder.path(name)
  }

  @Test func measuresAClassifier() throws {
    let x = Tensor(shape: [4, 3], [9, 0, 0, 0, 9, 0, 0, 0, 9, 9, 0, 0] as [Float])
    let data = try archive("data.npz", x, Tensor(shape: [4], [0, 1, 2, 2] as [Int64]))
    let tool = try Tool("eval", try identity(3), data, "--batch", "3")
    #expect(tool.status == 0)
    #expect(tool.lines.contains { $0.hasPrefix("accuracy") && $0.hasSuffix("0.7500") })
    #expect(tool.output.contains("true \\ predicted"))
    let found = try object(try Tool("eval", try identity(3), data, "--json"))
    #expect(found["confusion"] as? [[Int]] == [[1, 0, 0], [0, 1, 0], [1, 0, 1]])
    #expect(found["accuracy"] as? Double == 0.75)
    let matrix = folder.path("matrix.csv")
    #expect(try Tool("eval", try identity(3), data, "--confusion", matrix).status == 0)
    #expect(try String(contentsOfFile: matrix, encoding: .utf8).hasPrefix("true,0,1,2,"))
  }

  @Test func measuresErrors() throws {
    let x = Tensor(shape: [2, 2], [1, 2, 3, 4] as [Float])
    let y = Tensor(shape: [2, 2], [1, 2, 3, 6] as [Float])
    let data = try archive("data.npz", x, y)
    let found = try object(try Tool("eval", try identity(2), data, "--json"))
    #expect(found["mean_squared_error"] as? Double == 1)
    #expect(found["mean_absolute_error"] as? Double == 0.5)
    #expect(found["accuracy"] is NSNull)
  }

  /// A folder of pictures, each with a grey level of its own.
  private func pictures(_ name: String, _ count: Int) throws {
    for (index, kind) in ["dark", "light"].enumerated() {
      _ = try folder.makeFolder("\(name)/\(kind)")
      for number in 0..<count {
        let level = UInt8((number * 37 + index * 90) % 256)
        try Image(
          width: 4, height: 4, channels: 1, pixels: [UInt8](repeating: level, count: 16)
        ).writePNG(to: folder.path("\(name)/\(kind)/\(number).png"))
      }
    }
  }

  private func train(_ options: String...) throws -> Tool {
    try Tool(
      ["new", "mlp", "--data", folder.path("data"), "--hidden", "8"] + options,
      path: Tool.path(of: "onnx-train"))
  }

  @Test func thePartForTestingIsThatOfTraining() throws {
    try pictures("data", 40)
    let output = folder.path("net.onnx")
    let training = try train("--epochs", "2", "--seed", "3", "--output", output)
    let line = try #require(training.lines.last { $0.contains("accuracy") })
    let found = try object(
      try Tool("eval", output, folder.path("data"), "--part", "test", "--seed", "3", "--json"))
    let accuracy = try #require(found["accuracy"] as? Double)
    #expect(found["examples"] as? Int == 8)
    #expect(line.contains(String(format: "%.4f", accuracy)), "\(line), \(accuracy)")
  }

  @Test func readsDividedFoldersOfPictures() throws {
    try pictures("data/train", 12)
    try pictures("data/test", 3)
    let output = folder.path("net.onnx")
    _ = try train("--epochs", "1", "--output", output)
    let found = try object(try Tool("eval", output, folder.path("data"), "--json"))
    #expect(found["examples"] as? Int == 6)
    #expect(found["part"] as? String == "test data")
  }

  @Test func readsPicturesAndMatchesClassesByName() throws {
    // Folders of a part of the classes, in another order than the labels of the model.
    var model = try Model(contentsOf: lenet)
    model.metadata.append(
      MetadataEntry(
        key: "classes",
        value: "[\"n0\",\"n1\",\"n2\",\"n3\",\"n4\",\"n5\",\"n6\",\"n7\",\"n8\",\"n9\"]"))
    let path = try folder.write(model)
    let data = folder.path("pictures")
    for digit in [7, 2] {
      try FileManager.default.createDirectory(
        atPath: "\(data)/n\(digit)", withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: "\(digits)/\(digit).png", toPath: "\(data)/n\(digit)/a.png")
    }
    let found = try object(try Tool("eval", path, data, "--json"))
    #expect(found["examples"] as? Int == 2)
    #expect(found["accuracy"] as? Double == 1)
    try FileManager.default.moveItem(atPath: "\(data)/n7", toPath: "\(data)/n77")
    try expectStop(["eval", path, data], "the model has no class 'n77'; did you mean 'n7'?")
  }

  @Test func measuresTheTextOfALanguageModel() throws {
    let text = folder.path("text.txt")
    try String(repeating: "To be, or not to be, that is the question.\n", count: 20)
      .write(toFile: text, atomically: true, encoding: .utf8)
    let gru = packageFile("models/char_gru.onnx")
    let found = try object(try Tool("eval", gru, text, "--json"))
    let loss = try #require(found["loss"] as? Double)
    let perplexity = try #require(found["perplexity"] as? Double)
    #expect(loss > 0 && loss < 4)
    #expect(abs(perplexity - exp(loss)) < 1e-6 * perplexity)
    let empty = folder.path("empty.txt")
    try "".write(toFile: empty, atomically: true, encoding: .utf8)
    try expectStop(["eval", gru, empty], "the text is empty")
  }

  @Test func refusesDataOfAnotherKind() throws {
    let x = Tensor(shape: [2, 3], [Float](repeating: 0, count: 6))
    let data = try archive("data.npz", x, Tensor(shape: [2], [0, 7] as [Int64]))
    try expectStop(["eval", try identity(3), data], "label 7, but the model has 3 classes")
    try expectStop(["eval", try identity(4), data], "expected float32[N,4], got float32[2,3]")
    try expectStop(["eval", lenet, folder.path("none")], "no such file or folder")
    try expectStop(["eval", try identity(3), data, "--size", "8"], "--size is for picture files")
    try expectStop(["eval", try identity(3), data, "--part", "tset"], "Did you mean 'test'?")
  }
}
