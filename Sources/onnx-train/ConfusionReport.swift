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
    let table = ConfusionTable(matrix, names)
    try writeText(table.csv, to: name + ".confusion.csv")
    do { try picture.writePNG(to: name + ".confusion.png") } catch {
      throw Failure(name + ".confusion.png", error)
    }
    if matrix.classCount <= Self.mostRows {
      table.lines(columns: Terminal.standardError.columns).forEach { printError($0) }
    }
    printError("confusion matrix: \(name).confusion.csv, \(name).confusion.png")
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
