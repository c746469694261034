import ONNXFormat
import ONNXSupport
import ONNXTraining

/// A confusion matrix as text.
package struct ConfusionTable {
  private let matrix: ConfusionMatrix
  private let names: [String]

  /// - Parameter names: The names of the classes, as many as the matrix has.
  package init(_ matrix: ConfusionMatrix, _ names: [String]) {
    self.matrix = matrix
    self.names = names
  }

  /// The counts, a row for each true class, with recalls at the right and precisions below, in columns that
  /// fit; the most frequent confusions where none do.
  package func lines(columns: Int) -> [String] {
    let tables = [rows("true \\ predicted", width: 14), rows("true", width: 8)]
    return tables.first { $0.allSatisfy { $0.count <= columns } } ?? confusions(10)
  }

  private func rows(_ corner: String, width: Int) -> [String] {
    let short = names.map { $0.escaped.clipped(width) }
    var table = Table(
      columns: [(corner, .left)] + short.map { ($0, .right) } + [("recall", .right)])
    for row in short.indices {
      table.append(
        [short[row]] + short.indices.map { "\(matrix[row, $0])" } + [text(matrix.recall(of: row))])
    }
    table.append(
      ["precision".clipped(width)] + short.indices.map { text(matrix.precision(of: $0)) } + [""])
    return table.lines
  }

  private func text(_ share: Double?) -> String { share.map { fixed($0, 3) } ?? "-" }

  /// The most frequent confusions, one on a line.
  /// - Parameter limit: the most lines
  package func confusions(_ limit: Int) -> [String] {
    let count = matrix.classCount
    let cells = matrix.counts.indices.filter {
      $0 / count != $0 % count && matrix.counts[$0] > 0
    }
    var table = Table(["true": .left, "predicted": .left, "count": .right, "of the class": .right])
    for cell in cells.sorted(by: { matrix.counts[$0] > matrix.counts[$1] }).prefix(limit) {
      let share = Double(matrix.counts[cell]) / Double(max(matrix.support(of: cell / count), 1))
      table.append([
        names[cell / count].escaped.clipped(24), names[cell % count].escaped.clipped(24),
        "\(matrix.counts[cell])", fixed(100 * share, 1) + " %",
      ])
    }
    return table.isEmpty ? [] : table.lines
  }

  /// A row for each true class: the counts by predicted class, then precision, recall and support.
  package var csv: String {
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
}
