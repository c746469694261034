/// A text table. Each column is as wide as its widest cell.
package struct Table {
  /// The side of a column on which its cells align.
  package enum Alignment: Sendable { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// An empty table with these column headers.
  package init(_ columns: KeyValuePairs<String, Alignment>) {
    self.init(columns: columns.map { ($0.key, $0.value) })
  }

  /// An empty table with these column headers.
  package init(columns: [(name: String, alignment: Alignment)]) {
    alignments = columns.map(\.alignment)
    rows = [columns.map(\.name)]
  }

  /// Adds a row.
  /// - Precondition: one cell for each column
  package mutating func append(_ cells: [String]) {
    precondition(cells.count == alignments.count)
    rows.append(cells)
  }

  /// Whether the table has only its headers.
  package var isEmpty: Bool { rows.count == 1 }

  /// The headers and rows, without trailing spaces.
  package var lines: [String] {
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
