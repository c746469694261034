import Foundation
import ONNX
import Testing

/// `onnx-run score`. tools/score_test compares it with onnxruntime, Parquet included.
struct ScoreTests {
  let folder: Folder
  let model: String
  let rows: [[Float]] = (0..<23).map { [Float($0) - 11.5, Float($0) / 4] }
  var relu: [[Float]] { rows.map { $0.map { max($0, 0) } } }

  init() throws {
    folder = try Folder()
    model = try folder.write(.relu())
  }

  func write(_ text: String, to name: String) throws -> String {
    try text.write(toFile: folder.path(name), atomically: true, encoding: .utf8)
    return folder.path(name)
  }

  func read(_ name: String) throws -> String {
    try String(contentsOfFile: folder.path(name), encoding: .utf8)
  }

  func csv() throws -> String {
    try write(
      "id,x_0,x_1\n" + rows.enumerated().map { "\"a,\($0)\",\($1[0]),\($1[1])\n" }.joined(),
      to: "rows.csv")
  }

  func score(_ arguments: String...) throws -> Tool {
    let tool = try Tool(["score", model] + arguments + ["--output", folder.path("out")])
    #expect(tool.status == 0, "\(tool.errors)")
    return tool
  }

  @Test func tableHasOtherColumnsAndOutputs() throws {
    let tool = try score(csv())
    #expect(tool.output.hasPrefix("23 rows in 1 part,"))
    #expect(tool.errors.contains("x from x_0 to x_1"))
    let expected =
      "id,y_0,y_1\n"
      + relu.enumerated().map { "\"a,\($0)\",\($1[0]),\($1[1])\n" }.joined()
    #expect(try read("out/rows-00000.csv") == expected)
  }

  @Test func jsonLinesKeepOtherMembersAsTheyAre() throws {
    let lines = rows.enumerated().map { "{\"id\": {\"n\": [\($0), null]}, \"x\": \($1)}\n" }
    let path = try write(lines.joined(), to: "rows.jsonl")
    _ = try score(path, "--batch", "4")
    let expected = relu.enumerated().map { "{\"id\": {\"n\": [\($0), null]}, \"y\": \($1)}\n" }
    #expect(try read("out/rows-00000.jsonl") == expected.joined())
  }

  @Test func arraysAreConverted() throws {
    let x = Tensor(shape: [23, 2], rows.joined().map { Double($0) })
    let ids = Tensor(shape: [23], (0..<23).map { Int64($0) })
    try NPZ.write([("x", x), ("id", ids)], to: folder.path("rows.npz"))
    _ = try score(folder.path("rows.npz"), "--part-rows", "20")
    let last = try NPZ.read(folder.path("out/rows-00001.npz"))
    #expect(last.map(\.name) == ["id", "y"])
    #expect(try last[0].tensor.array(as: Int64.self) == [20, 21, 22])
    #expect(try last[1].tensor.array(as: Float.self) == Array(relu[20...].joined()))
  }

  @Test func picturesGiveWhatRunGives() throws {
    let lenet = packageFile("models/lenet5.onnx")
    let digits = packageFile("models/digits")
    let tool = try Tool(["score", lenet, digits, "--output", folder.path("out")])
    #expect(tool.output.hasPrefix("10 rows"), "\(tool.errors)")
    let line = try #require(
      read("out/digits-00000.jsonl").split(separator: "\n").first { $0.contains("7.png") })
    _ = try Tool(
      "run", lenet, "--input", "\(digits)/7.png", "--output-dir", folder.path("run"))
    let logits = try Tensor(npyContentsOf: folder.path("run/logits.npy")).array(as: Float.self)
    let numbers = try #require(line.firstIndex(of: "[")).utf16Offset(in: line)
    let found = line.dropFirst(numbers + 1).dropLast(2).split(separator: ",").map {
      Float($0.drop { $0 == " " })
    }
    #expect(found.count == 10)
    for (a, b) in zip(found, logits) { #expect(abs((a ?? .nan) - b) < 1e-3) }
  }

  @Test func aFolderStandsForTheTablesInIt() throws {
    _ = try folder.makeFolder("day")
    for name in ["b.csv", "a.csv", "_unfinished.csv", ".a.csv.crc", "_SUCCESS"] {
      _ = try write("x_0,x_1\n1,-2\n", to: "day/\(name)")
    }
    let tool = try score(folder.path("day"))
    #expect(tool.output.hasPrefix("2 rows in 2 parts"), "\(tool.errors)")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path("out")).sorted()
        == ["_manifest.txt", "a-00000.csv", "b-00000.csv"])
    try expectStop(
      ["score", model, folder.path("day"), "--output", folder.path("day")], "another folder")
  }

  @Test func aValueThatIsNotThereNamesItsOption() throws {
    try expectStop(
      ["score", model, csv(), "--output", folder.path("out"), "--value", "z"], "--value: the model")
  }

  @Test func normalizationNeedsPictures() throws {
    try expectStop(
      ["score", model, csv(), "--output", folder.path("out"), "--std", "0.5"], "only pictures")
  }

  @Test func aPartThatIsMissingIsWrittenAgain() throws {
    let path = try csv()
    _ = try score(path, "--part-rows", "5")
    let whole = try (0..<5).map { try read("out/rows-0000\($0).csv") }
    try FileManager.default.removeItem(atPath: folder.path("out/rows-00002.csv"))
    // A killed run leaves a temporary file, and perhaps a cut line of the manifest.
    try Data().write(to: URL(fileURLWithPath: folder.path("out/rows-00002.csv.1.2.tmp")))
    let manifest = try #require(FileHandle(forWritingAtPath: folder.path("out/_manifest.txt")))
    try manifest.seekToEnd()
    try manifest.write(contentsOf: Data("part rows-00".utf8))
    try manifest.close()
    let tool = try score(path, "--part-rows", "5")
    #expect(tool.output.hasPrefix("5 rows in 1 part,"))
    #expect(tool.output.contains("4 parts with 18 rows were there"))
    #expect(try (0..<5).map { try read("out/rows-0000\($0).csv") } == whole)
    #expect(!FileManager.default.fileExists(atPath: folder.path("out/rows-00002.csv.1.2.tmp")))
  }

  @Test func otherSettingsAreNotMixed() throws {
    let path = try csv()
    _ = try score(path)
    let arguments = ["score", model, path, "--output", folder.path("out")]
    try expectStop(arguments + ["--only-outputs"], "other settings")
    _ = try write("id,x_0,x_1\n1,2,3\n", to: "rows.csv")
    try expectStop(arguments, "it has changed since")
    #expect(try Tool(arguments + ["--overwrite"]).status == 0)
    #expect(try read("out/rows-00000.csv") == "id,y_0,y_1\n1,2.0,3.0\n")
  }

  @Test func smallerPartsReplaceAll() throws {
    let path = try csv()
    _ = try score(path, "--part-rows", "20")
    let tool = try score(path, "--part-rows", "5", "--overwrite")
    #expect(tool.output.hasPrefix("23 rows in 5 parts"))
  }

  @Test func aMistakeThatLeftNoResultsCanBeMended() throws {
    let arguments = [
      "score", model, try csv(), folder.path("b.csv"), "--output", folder.path("out"),
    ]
    _ = try write("x_0,x_1\n1,b\n", to: "b.csv")
    try expectStop(arguments + ["--keep", "no"], "there is no column")
    #expect(try Tool(arguments).errors.contains("expected float32"))
    // The parts of the other file stay.
    _ = try write("x_0,x_1\n1,2\n", to: "b.csv")
    let tool = try Tool(arguments)
    #expect(tool.output.hasPrefix("1 row in 1 part,"), "\(tool.errors)")
    #expect(tool.output.contains("1 part with 23 rows was there"))
    #expect(try read("out/b-00000.csv") == "y_0,y_1\n1.0,2.0\n")
  }

  @Test(arguments: [
    ("a.csv", "x_0,x_1\n1,2\n1,\n", "line 3, column 'x_1': expected a value, found none"),
    ("a.csv", "x_0,x_1\n1,2\n1,b\n", "line 3, column 'x_1': expected float32, found 'b'"),
    ("a.csv", "x_0,x_1\n1,2\n1\n", "line 3: expected 2 cells, found 1"),
    ("a.csv", "x_0,x_1\n1,\"2\n", "line 2: expected a closing quote"),
    ("a.csv", "p,q\n1,2\n1,b\n", "line 3, column 'q': expected float32"),
    ("a.csv", "p,q,r\n1,2,3\n", "no column is named 'x'"),
    ("a.csv", "p,q,r\n1,2,3\n", "names its columns, or --keep"),
    ("a.jsonl", "{\"x\": [1, 2]}\n{\"x\": [1]}\n", "line 2: member 'x': 1 values do not make"),
    ("a.jsonl", "{\"x\": [1, null]}\n", "line 1: member 'x': byte 11: expected float32"),
    ("a.jsonl", "{\"x\": [1, 2]\n", "expected '}', found the end of the line"),
    ("a.jsonl", "{\"x\": " + String(repeating: "[", count: 5000), "nested"),
    ("a.npz", "no archive", "not a zip file"),
    ("a.txt", "", "expected a .parquet"),
  ])
  func wrongTablesAreOneSentence(name: String, text: String, error: String) throws {
    let path = try write(text, to: name)
    try expectStop(["score", model, path, "--output", folder.path("out")], error)
    let left = (try? FileManager.default.contentsOfDirectory(atPath: folder.path("out"))) ?? []
    #expect(left.allSatisfy { $0 == "_manifest.txt" })
  }
}
