/// Rows of text in columns as wide as their widest cell.
public struct Table {
  public enum Alignment: Sendable { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// A table whose columns bear these names.
  public init(_ columns: KeyValuePairs<String, Alignment>) {
    alignments = columns.map(\.value)
    rows = [columns.map(\.key)]
  }

  /// - Precondition: one cell a column
  public mutating func append(_ cells: [String]) {
    precondition(cells.count == alignments.count)
    rows.append(cells)
  }

  /// Whether no row follows the names.
  public var isEmpty: Bool { rows.count == 1 }

  /// The rows, the names first, without spaces at their ends.
  public var lines: [String] {
    let widths = alignments.indices.map { column in
      rows.map { $0[column].count }.max() ?? 0
    }
    return rows.map { row in
      var line = ""
      for column in row.indices {
        if column > 0 { line += "  " }
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        line += alignments[column] == .left ? row[column] + space : space + row[column]
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
