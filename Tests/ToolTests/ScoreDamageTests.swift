import Foundation
import ONNX
import Testing

/// Damaged and hostile files, and folders that are used twice.
extension ScoreTests {
  private func names(of folder: String) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: self.folder.path(folder)))
  }

  @Test func quotesInTablesAreKept() throws {
    // A combining mark makes one character of itself and what is before it.
    let path = try write(
      "id,x_0,x_1\n\"a\"\"\u{301},b\",1,2\n5\" pipe,3,4\n\"two\nlines, 6\"\"\",5,6\n",
      to: "rows.csv")
    #expect(try score(path).output.hasPrefix("3 rows"))
    #expect(
      try read("out/rows-00000.csv")
        == "id,y_0,y_1\n\"a\"\"\u{301},b\",1.0,2.0\n\"5\"\" pipe\",3.0,4.0\n"
        + "\"two\nlines, 6\"\"\",5.0,6.0\n")
  }

  @Test func aTableWithTabsMayHaveCommas() throws {
    let path = try write("a,b\tx_0\tx_1\nc,d\t1\t2\n", to: "rows.tsv")
    _ = try score(path)
    #expect(try read("out/rows-00000.csv") == "\"a,b\",y_0,y_1\n\"c,d\",1.0,2.0\n")
  }

  @Test(arguments: ["a.csv", "a.jsonl"])
  func anEmptyFileHasNoRows(name: String) throws {
    let path = try write("", to: name)
    #expect(try score(path, csv()).output.hasPrefix("23 rows in 1 part,"))
    #expect(try names(of: "out") == ["rows-00000.csv", "_manifest.txt"])
  }

  @Test(
    arguments: [
      ("a.csv", [0xFF, 0xFE] + Array("a\0,\0b\0".utf8), "expected UTF-8, found UTF-16"),
      (
        "a.csv", Array("id,x_0,x_1\nM".utf8) + [0xFC] + Array("ller,1,2\n".utf8),
        "line 2, column 'id': expected text in UTF-8"
      ),
      (
        "a.jsonl", Array("{\"x\": [1, 2], \"id\": \"M".utf8) + [0xFC] + Array("ller\"}\n".utf8),
        "line 1: byte 22: expected text in UTF-8"
      ),
      ("a.jsonl", Array("{\"x\": [1, 2], \"id\": \"\u{1}\"}".utf8), "without control characters"),
      ("a.jsonl", Array("{\"x\": [1, 2], \"id\": inf}".utf8), "expected a value, found 'inf}'"),
      ("a.jsonl", Array("{\"x\": [1, 2], \"id\": 0x1F}".utf8), "expected a value, found '0x1F}'"),
      ("a.csv", Array("id,x_0,x_1\n\"a\"b,1,2\n".utf8), "line 2: expected the end of a cell"),
      ("a.tsv", Array("x_0\tx_1\n1\t2\n\t\n".utf8), "line 3, column 'x_0': expected a value"),
    ] as [(String, [UInt8], String)])
  func rowsAreNeverWrittenWrong(name: String, bytes: [UInt8], error: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: folder.path(name)))
    try expectStop(["score", model, folder.path(name), "--output", folder.path("out")], error)
  }

  @Test func aColumnIsWrittenOnce() throws {
    let path = try write("y_0,x_0,x_1\n1,2,3\n", to: "a.csv")
    let arguments = ["score", model, path, "--output", folder.path("out"), "--column", "x=x_0,x_1"]
    try expectStop(arguments, "two columns would be named 'y_0'")
    try expectStop(
      arguments + ["--overwrite", "--keep", "x_1,x_1"], "--keep: 'x_1' is given twice")
  }

  @Test func aPipeIsNotWaitedFor() throws {
    #expect(mkfifo(folder.path("a.parquet"), 0o600) == 0)
    try expectStop(
      ["score", model, folder.path("a.parquet"), "--output", folder.path("out")],
      "expected a file, found a device or pipe")
  }

  @Test func arraysOfAnotherShapeAreFlat() throws {
    let model = try folder.write(.relu([.symbol("N"), 2, 3]))
    try NPZ.write(
      [("x", Tensor(shape: [4, 6, 1], (0..<24).map(Float.init)))], to: folder.path("a.npz"))
    let tool = try Tool(["score", model, folder.path("a.npz"), "--output", folder.path("out")])
    #expect(tool.status == 0, "\(tool.errors)")
    #expect(try NPZ.read(folder.path("out/a-00000.npz"))[0].tensor.shape == [4, 2, 3])
  }

  @Test func linksBetweenFoldersAreFollowedOnce() throws {
    let pictures = folder.path("pictures")
    try FileManager.default.createDirectory(atPath: pictures, withIntermediateDirectories: false)
    for name in ["a", "b", "c", "d"] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(pictures)/\(name)", withDestinationPath: pictures)
    }
    try FileManager.default.copyItem(
      atPath: packageFile("models/digits/7.png"), toPath: "\(pictures)/7.png")
    let tool = try Tool([
      "score", packageFile("models/lenet5.onnx"), pictures, "--output", folder.path("out"),
    ])
    #expect(tool.output.hasPrefix("1 row "), "\(tool.errors)")
  }

  @Test func aChangedPictureIsNoticed() throws {
    let picture = folder.path("7.png")
    try FileManager.default.copyItem(atPath: packageFile("models/digits/7.png"), toPath: picture)
    let arguments = [
      "score", packageFile("models/lenet5.onnx"), picture, "--output", folder.path("out"),
    ]
    #expect(try Tool(arguments).status == 0)
    #expect(try Tool(arguments).output.hasPrefix("0 rows"))
    try FileManager.default.removeItem(atPath: picture)
    try FileManager.default.copyItem(atPath: packageFile("models/digits/3.png"), toPath: picture)
    try expectStop(arguments, "it has changed since")
  }

  @Test func aListOfAnotherProgramStays() throws {
    let path = try csv()
    try FileManager.default.createDirectory(
      atPath: folder.path("out"), withIntermediateDirectories: false)
    for text in ["shopping: bread\n", "bread"] {
      _ = try write(text, to: "out/_manifest.txt")
      try expectStop(
        ["score", model, path, "--output", folder.path("out"), "--overwrite"],
        "expected a list of parts by onnx-run score, found '")
      #expect(try read("out/_manifest.txt") == text)
    }
  }

  @Test(arguments: [
    "part rows-00000.csv 9223372036854775807 SIZE\n", "done rows -1\n", "done rows x\n",
    "part rows-00000.csv 1\n", "part\0\n", "\u{FFFD}\n",
  ])
  func aDamagedListIsOneSentence(line: String) throws {
    let path = try csv()
    let arguments = ["score", model, path, "--output", folder.path("out"), "--part-rows", "12"]
    #expect(try Tool(arguments).status == 0)
    let list = try read("out/_manifest.txt")
    let size = try Data(contentsOf: URL(fileURLWithPath: folder.path("out/rows-00000.csv"))).count
    _ = try write(
      list + line.replacingOccurrences(of: "SIZE", with: "\(size)"), to: "out/_manifest.txt")
    try expectStop(arguments, "expected a part, found")
    #expect(try Tool(arguments + ["--overwrite"]).output.hasPrefix("23 rows in 2 parts"))
    #expect(try Tool(arguments).output.hasPrefix("0 rows"))
  }

  @Test func resultsAreNotScoredIntoTheirFolder() throws {
    _ = try score(csv(), "--column", "x=x_0,x_1")
    let part = folder.path("out/rows-00000.csv")
    let arguments = ["score", model, part, "--column", "x=y_0,y_1", "--output", folder.path("out")]
    let whole = try read("out/rows-00000.csv")
    try expectStop(arguments + ["--overwrite"], "would replace a file that is read")
    #expect(try read("out/rows-00000.csv") == whole)
    try expectStop(
      ["score", model, part, "--output", folder.path("out"), "--column", "x=x_0,x_1"],
      "found a part of the results")
  }

  @Test func allOldPartsAreReplaced() throws {
    let path = try csv()
    _ = try score(path, "--part-rows", "10")
    // A run that was killed before it could list the part, and one in the middle of another.
    for name in ["rows-00007.csv", "rows-00008.csv.1.2.tmp", "rows-notes.csv", "row-00000.csv"] {
      _ = try write("1\n", to: "out/\(name)")
    }
    _ = try score(path, "--overwrite")
    #expect(
      try names(of: "out") == [
        "rows-00000.csv", "rows-notes.csv", "row-00000.csv", "_manifest.txt",
      ])
  }
}
