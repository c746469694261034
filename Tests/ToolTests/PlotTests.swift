import Foundation
import FoundationXML
import ONNX
import ONNXImages
import ONNXPlots
import Testing
import ToolSupport

/// Counts the elements of an XML text.
private final class Elements: NSObject, XMLParserDelegate {
  var counts: [String: Int] = [:]
  var texts: [String] = []
  private var text = ""

  init(_ xml: String) throws {
    super.init()
    let parser = XMLParser(data: Data(xml.utf8))
    parser.delegate = self
    try #require(parser.parse(), "\(String(describing: parser.parserError))")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    counts[name, default: 0] += 1
    text = ""
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?,
    qualifiedName: String?
  ) {
    if name == "text" { texts.append(text) }
  }
}

extension Image {
  fileprivate func pixel(_ x: Int, _ y: Int) -> [UInt8] {
    Array(pixels[(y * width + x) * channels..<(y * width + x + 1) * channels])
  }

  fileprivate func count(_ color: [UInt8]) -> Int {
    (0..<width * height).count { Array(pixels[$0 * 3..<$0 * 3 + 3]) == color }
  }
}

private let blue: [UInt8] = [0, 114, 178]
private let orange: [UInt8] = [213, 94, 0]

@Suite struct PlotTests {
  @Test func svgHasTitlesTicksAndLegend() throws {
    let plot = Plot(
      "a < b & \"c\"\u{7}", xLabel: "epoch", yLabel: "loss",
      [
        .init("train", [2, 1, 0.5]), .init("validation", [(0, 2), (2, 1)], style: .dots),
      ])
    let elements = try Elements(plot.svg())
    #expect(elements.texts.contains("a < b & \"c\""))
    for text in ["epoch", "loss", "train", "validation", "0.5", "1.0", "2.0"] {
      #expect(elements.texts.contains(text), "\(elements.texts)")
    }
    #expect(elements.counts["circle"] == 3)
  }

  @Test func linesRunThroughTheirPoints() throws {
    // From the lower left corner to the upper right one and back.
    let plot = Plot("", xLabel: "", yLabel: "", [.init("", [(0, 0), (1, 1), (2, 0)])])
    let image = try plot.image(width: 600, height: 400)
    let columns = (0..<600).filter { x in (0..<400).contains { image.pixel(x, $0) == blue } }
    let (first, last) = try (#require(columns.first), #require(columns.last))
    func top(_ x: Int) -> Int { (0..<400).first { image.pixel(x, $0) == blue } ?? 400 }
    let middle = (first + last) / 2
    #expect(top(middle) < top(first + 20) && top(middle) < top(last - 20))
    #expect(abs(top(first + 50) - top(last - 50)) <= 3)
    // Halfway in x is halfway in y.
    let quarter = (first + middle) / 2
    #expect(abs((top(first + 2) + top(middle)) / 2 - top(quarter)) <= 4)
  }

  @Test func logarithmicAxesHaveDecades() throws {
    var plot = Plot(
      "", xLabel: "", yLabel: "", [.init("g", [(1, 1e-6), (10, 1e-3), (100, 0), (1000, 1)])])
    plot.hasLogarithmicY = true
    plot.hasLogarithmicX = true
    let texts = try Elements(plot.svg()).texts
    for text in ["1e-06", "0.001", "1", "10", "100", "1000"] {
      #expect(texts.contains(text), "\(texts)")
    }
  }

  @Test func survivesNumbersThatAreNone() throws {
    let lists: [[Double]] = [
      [], [Double.nan], [.infinity, 1], [0, 0], [1e308, -1e308], [5], [1e-300, 2e-300],
      [1, 1 + 1e-16], [.nan, 1, .nan, 2, 3],
    ]
    for values in lists {
      for isLogarithmic in [false, true] {
        var plot = Plot("t", xLabel: "x", yLabel: "y", [.init("s", values)])
        plot.hasLogarithmicY = isLogarithmic
        _ = try Elements(plot.svg())
        _ = try plot.image(width: 120, height: 90)
      }
    }
    #expect(throws: ImageError.self) {
      try Plot("", xLabel: "", yLabel: "").image(width: 1 << 40, height: 1 << 40)
    }
    #expect(throws: ImageError.self) {
      try Plot("", xLabel: "", yLabel: "").image(width: 0, height: 5)
    }
  }

  @Test func epochsAreMarkedAndTheirTicksAreWhole() throws {
    for count in [1, 2, 3] {
      var plot = Plot(
        "", xLabel: "", yLabel: "", [.init("s", (0..<count).map { Double($0) + 1 }, from: 1)])
      plot.hasWholeX = true
      let elements = try Elements(plot.svg())
      #expect(elements.counts["circle"] == count)
      #expect(
        elements.texts.filter { Int($0) != nil }.prefix(count) == ["1", "2", "3"].prefix(count))
    }
  }

  @Test func theLegendLeavesTheCurvesFree() throws {
    // Curves along the edges of the frame, which leave no corner free.
    let names = ["alpha", "beta"]
    var plot = Plot("", xLabel: "", yLabel: "")
    plot.series = names.enumerated().map { index, name in
      .init(name, [(0, Double(index)), (100, Double(index))])
    }
    plot.series.append(.init("gamma", [(0, 0), (0, 1), (100, 1), (100, 0)]))
    let free = Plot("", xLabel: "", yLabel: "", [.init("alpha", [0, 0.5, 1])])
    func ends(_ plot: Plot) throws -> (frame: Double, legend: Double) {
      let svg = try #require(
        plot.svg().range(of: "<rect x=\"").map { plot.svg()[$0.upperBound...] })
      let legend = try #require(Double(svg.prefix { $0 != "\"" }))
      let line = try #require(plot.svg().split(separator: "stroke=\"#282828\"").first)
      let points = try #require(line.split(separator: "points=\"").last)
      let xs = points.prefix { $0 != "\"" }.split(separator: " ").compactMap {
        Double($0.split(separator: ",")[0])
      }
      return (xs.max() ?? 0, legend)
    }
    let (crowded, roomy) = (try ends(plot), try ends(free))
    #expect(crowded.legend > crowded.frame && roomy.legend < roomy.frame)
  }

  @Test func gapsStayOpen() throws {
    let plot = Plot("", xLabel: "", yLabel: "", [.init("s", [1, 1, .nan, 1, 1])])
    let whole = Plot("", xLabel: "", yLabel: "", [.init("s", [1, 1, 1, 1, 1])])
    #expect(try plot.image().count(blue) < whole.image().count(blue) * 3 / 4)
  }

  @Test func seriesHaveColoursOfTheirOwn() throws {
    let plot = Plot("", xLabel: "", yLabel: "", [.init("a", [1, 2]), .init("b", [2, 1])])
    let image = try plot.image()
    #expect(image.count(blue) > 500 && image.count(orange) > 500)
  }

  @Test func writesFiles() throws {
    let folder = try Folder()
    let plot = Plot("t", xLabel: "x", yLabel: "y", [.init("s", [1, 2])])
    try plot.write(to: folder.path("a.svg"))
    #expect(try readText(folder.path("a.svg")) == plot.svg())
    try plot.write(to: folder.path("a.png"))
    #expect(try Image(contentsOf: folder.path("a.png")) == plot.image())
    #expect(throws: Failure.self) { try plot.write(to: folder.path("none/a.png")) }
  }
}

@Suite struct HeatMapTests {
  @Test func coloursFollowTheNumbers() throws {
    let map = HeatMap("", rows: 2, columns: 2, values: [-1, 0, 1, .nan])
    let image = try map.image(cell: (10, 10))
    // Cells start at (26, 40). Blue is the smallest value, white 0, red the largest, grey none.
    #expect(image.pixel(31, 45) == [33, 102, 172])
    #expect(image.pixel(41, 45) == [247, 247, 247])
    #expect(image.pixel(31, 55) == [178, 24, 43])
    #expect(image.pixel(41, 55) == [128, 128, 128])
    let positive = try HeatMap("", rows: 1, columns: 2, values: [0, 5]).image(cell: (10, 10))
    #expect(positive.pixel(31, 45) == [68, 1, 84] && positive.pixel(41, 45) == [253, 231, 37])
  }

  @Test func longLabelsRunUpwardsAndNotesStayWhole() throws {
    var map = HeatMap("", rows: 1, columns: 3, values: [0, 1, 2])
    map.columnLabels = ["a", "b", "c"]
    let short = try map.image(cell: (20, 20))
    map.columnLabels = ["a", "b", "a word of 20 letters"]
    let long = try map.image(cell: (20, 20))
    #expect(long.height - short.height > 100 && long.width == short.width)
    map.notes = ["f: forget gate", "c: cell", String(repeating: "x", count: 50)]
    let noted = try map.image(cell: (20, 20))
    #expect(noted.width >= 50 * 6 && noted.height > long.height + 20)
  }

  @Test func refusesNothingAndTooMuch() throws {
    #expect(throws: ImageError.self) { try HeatMap("", rows: 0, columns: 0, values: []).image() }
    let map = HeatMap("", rows: 1, columns: 1, values: [1])
    #expect(throws: ImageError.self) { try map.image(cell: (100_000, 100_000)) }
  }
}

@Suite struct TileSheetTests {
  private func tile(_ values: [Float]) -> Tensor { Tensor(shape: [1, 1, 2], values) }

  @Test func tilesStandSideBySide() throws {
    var sheet = TileSheet("", [tile([0, 1]), tile([0, 4]), tile([2, 4])])
    sheet.columns = 2
    sheet.zoom = 3
    var image = try sheet.image()
    // Two tiles of 6 x 3 pixels in a row, and gaps of 4 pixels.
    #expect(image.width == 24 && image.height == 18)
    #expect(image.pixel(4, 4) == [0, 0, 0] && image.pixel(9, 6) == [255, 255, 255])
    #expect(image.pixel(4, 11) == [0, 0, 0])
    sheet.range = .allTiles
    image = try sheet.image()
    #expect(image.pixel(9, 6) == [64, 64, 64] && image.pixel(4, 11) == [128, 128, 128])
    sheet.range = .aroundZero
    #expect(try sheet.image().pixel(4, 4) == [128, 128, 128])
    sheet.range = .fixed(0...1)
    #expect(try sheet.image().pixel(4, 11) == [255, 255, 255])
  }

  @Test func aBarAndNumbersExplainTheTiles() throws {
    var sheet = TileSheet("t", [tile([0, 1]), tile([-4, 2])])
    sheet.range = .aroundZero
    let plain = try sheet.image()
    sheet.bar = .samples
    (sheet.rowLabels, sheet.columnLabels, sheet.columns) = (["0", "1"], ["0"], 1)
    sheet.notes = ["rows: filters"]
    let image = try sheet.image()
    #expect(image.width > plain.width && image.height > plain.height)
    // The column is white at the top, black at the bottom, and grey in the middle.
    let columns = (0..<image.width).map { x in
      (48..<image.height - 20).map { Int(image.pixel(x, $0)[0]) }
    }
    let bar = try #require(columns.last { Set($0).count > 50 })
    let levels = bar.drop { $0 != 255 }.prefix { $0 != 0 }
    #expect(levels.count > 50 && levels.reversed() == levels.sorted())
  }

  @Test func coloursStay() throws {
    var sheet = TileSheet("", [Tensor(shape: [3, 1, 1], [1, 0, 0.5] as [Float])])
    sheet.zoom = 1
    sheet.range = .fixed(0...1)
    #expect(try sheet.image().pixel(4, 4) == [255, 0, 128])
  }

  @Test func refusesWhatIsNoTile() throws {
    #expect(throws: ImageError.self) { try TileSheet("", []).image() }
    #expect(throws: ImageError.self) { try TileSheet("", [Tensor(1 as Float)]).image() }
    let two = Tensor(shape: [2, 1, 1], [0, 0] as [Float])
    #expect(throws: ImageError.self) { try TileSheet("", [two]).image() }
    #expect(throws: ImageError.self) { try TileSheet("", [tile([0, 1]), two]).image() }
  }
}
