import ONNX
import Testing
import ToolSupport

private let plain = Terminal(isInteractive: false, isUnicode: false, hasColor: false, columns: 80)
private let colorful = Terminal(isInteractive: true, isUnicode: true, hasColor: true, columns: 80)

@Suite struct TextTests {
  @Test func writesJSON() {
    let value = JSON.object([
      "a\"b": .array([.int(-1), .double(0.25), .double(.nan), .null, .bool(true)]),
      "text": .string("line\n\u{1}\\ ä"),
    ])
    #expect(
      "\(value)"
        == #"{"a\"b": [-1, 0.25, null, null, true], "text": "line\n\u0001\\ ä"}"#)
  }

  @Test func namesFilesAfterOutputs() {
    #expect(
      fileNames(for: ["a", "x/y:0", "x_y_0", "x y 0", "ä", "a"])
        == ["a", "x_y_0", "x_y_0_2", "x_y_0_3", "__", "a_2"])
    #expect(fileNames(for: ["a_2", "a", "a"]) == ["a_2", "a", "a_3"])
  }

  @Test func drawsInInkWhereThereIsNoColor() {
    let lines = drawing([0, 1, 0.5, 0], width: 2, height: 2, on: plain)
    #expect(lines == ["  @@", "++"])
  }

  @Test func drawsTwoRowsALineInColor() {
    let lines = drawing([0, 1, 0.5, .nan, 1, 1], width: 2, height: 3, on: colorful)
    #expect(lines.count == 2)
    #expect(lines[0] == "\u{1B}[38;5;232;48;5;244m▀\u{1B}[38;5;255;48;5;232m▀\u{1B}[0m")
  }

  @Test func drawsBars() {
    #expect(bar(0.5, width: 10, on: plain) == "#####")
    #expect(bar(0.5, width: 3, on: colorful) == "█▌")
    #expect(bar(.nan, width: 3, on: plain) == "")
    #expect(bar(2, width: 3, on: plain) == "###")
  }

  @Test func alignsColumns() {
    var table = Table(["name": .left, "ms": .right])
    table.append(["a", "10.5"])
    table.append(["long", "1"])
    #expect(table.lines == ["name    ms", "a     10.5", "long     1"])
  }

  @Test func formatsCounts() {
    #expect(formattedCount(999) == "999")
    #expect(formattedCount(7_720_000_000) == "7.72 G")
    #expect(formattedBytes(999_600) == "1 MB")
  }

  @Test func summarizesTensors() {
    func line<T: Element>(_ shape: [Int], _ values: [T]) -> String {
      summary(of: .tensor(Tensor(shape: shape, values)), name: "y")
    }
    #expect(line([2, 2], [-1, 0, 2, 0.5] as [Float]) == "y float32[2,2] -1 0.375 2")
    #expect(line([2], [1, 2] as [Int64]) == "y int64[2] 1 1.5 2")
    #expect(
      line([], [Int64.min]) == "y int64[] -9223372036854775808 -9.22337e+18 -9223372036854775808")
    #expect(line([2], [true, false]) == "y bool[2] 0 0.5 1")
    #expect(line([2], [Float.nan, 1]) == "y float32[2] nan nan nan")
    #expect(line([0, 3], [] as [Float]) == "y float32[0,3] - - -")
    #expect(line([1], ["text"]) == "y string[1] - - -")
  }

  @Test func ranksOneRowOfScores() throws {
    let scores = Tensor(shape: [1, 3], [0, 2, 1] as [Float])
    let ranking = try #require(Ranking(scores, count: 2))
    #expect(ranking.entries.map(\.index) == [1, 2])
    #expect(abs(ranking.entries[0].probability - 0.6652) < 1e-4)
    let lines = ranking.lines(labels: ["a", "b"], on: plain)
    #expect(lines == ["  b  2  66.5 %  ####################", "  2  1  24.5 %  #######"])
    let shares = try #require(Ranking(Tensor(shape: [2], [0.25, 0.75] as [Float]), count: 5))
    #expect(shares.entries.map(\.probability) == [0.75, 0.25])
    #expect(Ranking(Tensor(shape: [2, 2], [0, 0, 0, 0] as [Float]), count: 1) == nil)
    #expect(Ranking(Tensor(shape: [1], [0] as [Float]), count: 1) == nil)
    #expect(Ranking(Tensor(shape: [2], [0, 1] as [Int64]), count: 1) == nil)
  }
}

@Suite struct ArgumentTests {
  @Test func splitsAtTheFirstEqualsSignBehindAName() {
    #expect(NamedArgument("x=a=b.npy", names: ["x"]).text == "a=b.npy")
    #expect(NamedArgument("y=b.npy", names: ["x"]).name == nil)
    #expect(NamedArgument("y=b.npy", names: ["x"]).text == "y=b.npy")
    #expect(NamedArgument("b.npy", names: ["x"]).name == nil)
  }

  @Test func readsShapes() throws {
    #expect(try parseShapes(["a=1x3", "b="], names: ["a", "b"]) == ["a": [1, 3], "b": []])
    #expect(try parseShapes(["0x3"], names: ["a"]) == ["a": [0, 3]])
    for text in ["c=1", "a=1x", "a=-1", "a=99999999999999999999", "1x3"] {
      #expect(throws: Failure.self) { try parseShapes([text], names: ["a", "b"]) }
    }
    #expect(throws: Failure("the model has no input 'imag', did you mean 'image'?")) {
      try parseShapes(["imag=1"], names: ["image", "tokens"])
    }
    #expect(throws: Failure.self) { try parseShapes(["a=1", "a=2"], names: ["a"]) }
  }

  @Test func fillsFreeSizes() throws {
    let shape: Shape = [.symbol("N"), 3, .unknown]
    let inputs = [
      ValueInfo("a", .tensor(.float32, shape)), ValueInfo("b", .tensor(.float32, [.symbol("N")])),
    ]
    #expect(try InputShapes(inputs, requested: [:]).sizes(of: inputs[0]) == [1, 3, 1])
    let shapes = try InputShapes(inputs, requested: ["a": [5, 3, 2]])
    #expect(shapes.sizes(of: inputs[0]) == [5, 3, 2])
    #expect(shapes.sizes(of: inputs[1]) == [5])
    #expect(throws: Failure.self) { try InputShapes(inputs, requested: ["a": [5, 4, 2]]) }
    #expect(throws: Failure.self) { try InputShapes(inputs, requested: ["a": [5, 3]]) }
  }

  @Test func fillsWithNoiseThatFollowsFromTheSeed() throws {
    let input = ValueInfo("a", .tensor(.float32, [1000]))
    let shapes = try InputShapes([input], requested: [:])
    func filled(_ seed: UInt64) throws -> [Float] {
      var filler = InputFiller(seed: seed, memoryLimit: 4000)
      return try #require(filler.value(for: input, shapes: shapes).tensor).array()
    }
    let values = try filled(0)
    #expect(values.allSatisfy { (0...1).contains($0) })
    #expect(abs(values.reduce(0, +) / 1000 - 0.5) < 0.05)
    #expect(try filled(0) == values)
    #expect(try filled(1) != values)
    var filler = InputFiller(seed: 0, memoryLimit: 3999)
    #expect(throws: Failure.self) { try filler.value(for: input, shapes: shapes) }
  }
}
