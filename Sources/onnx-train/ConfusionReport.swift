import ONNX
import ONNXImages
import ONNXPlots
import ToolSupport

/// A confusion matrix as a table, a CSV file and a picture.
struct ConfusionReport {
  private let matrix: ConfusionMatrix
  private let names: [String]

  /// The most classes of a matrix that is counted.
  static let mostClasses = 1000
  /// The most classes of a table.
  private static let mostRows = 20

  /// - Parameter names: The names of the classes; `nil` for their numbers.
  init(_ matrix: ConfusionMatrix, _ names: [String]?) {
    self.matrix = matrix
    let known = names ?? []
    self.names = (0..<matrix.classCount).map { $0 < known.count ? known[$0] : "\($0)" }
  }

  /// Writes `NAME.confusion.csv` and `NAME.confusion.png`, and prints the table of at most 20 classes on
  /// standard error.
  func write(_ name: String) throws {
    try writeText(csv, to: name + ".confusion.csv")
    do { try picture.writePNG(to: name + ".confusion.png") } catch {
      throw Failure(name + ".confusion.png", error)
    }
    if matrix.classCount <= Self.mostRows { table.forEach { printError($0) } }
    printError("confusion matrix: \(name).confusion.csv, \(name).confusion.png")
  }

  /// The counts, a row for each true class, with recalls at the right and precisions below.
  private var table: [String] {
    let short = names.map { $0.escaped.clipped(14) }
    var table = Table(
      columns: [("true \\ predicted", .left)] + short.map { ($0, .right) } + [("recall", .right)])
    for row in short.indices {
      table.append(
        [short[row]] + short.indices.map { "\(matrix[row, $0])" } + [text(matrix.recall(of: row))])
    }
    table.append(["precision"] + short.indices.map { text(matrix.precision(of: $0)) } + [""])
    return table.lines
  }

  private func text(_ share: Double?) -> String { share.map { fixed($0, 3) } ?? "-" }

  /// A row for each true class: the counts by predicted class, then precision, recall and support.
  private var csv: String {
    let head = ["true"] + names.map(Self.field) + ["precision", "recall", "support"]
    let rows = names.indices.map { row in
      [Self.field(names[row])] + names.indices.map { "\(matrix[row, $0])" }
        + [
          matrix.precision(of: row).map { "\($0)" } ?? "",
          matrix.recall(of: row).map { "\($0)" } ?? "", "\(matrix.support(of: row))",
        ]
    }
    return ([head] + rows).map { $0.joined(separator: ",") + "\n" }.joined()
  }

  /// A field of CSV (RFC 4180).
  private static func field(_ text: String) -> String {
    text.contains { ",\"\r\n".contains($0) }
      ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
  }

  private var picture: Image {
    get throws {
      let count = matrix.classCount
      var map = HeatMap(
        "Confusion matrix", rows: count, columns: count,
        values: (0..<count * count).map { cell in
          let support = matrix.support(of: cell / count)
          return support > 0 ? Float(matrix.counts[cell]) / Float(support) : 0
        })
      map.range = 0...1
      (map.rowLabels, map.columnLabels) = (names, names)
      (map.xLabel, map.yLabel) = ("predicted class", "true class")
      guard count <= 40 else { return try map.image() }
      map.cellLabels = matrix.counts.map { $0 == 0 ? "" : "\($0)" }
      let widest = (names + map.cellLabels).map(\.count).max() ?? 1
      return try map.image(cell: (width: min(90, max(28, 6 * widest + 6)), height: 28))
    }
  }
}
