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

  /// The headers and rows at most `columns` wide, as far as the middle of the first column's cells can
  /// be left out for that.
  package func lines(columns: Int) -> [String] {
    let widest = lines.map(\.count).max() ?? 0
    let first = rows.compactMap(\.first?.count).max() ?? 0
    let room = max(first - (widest - columns), 12)
    guard widest > columns, room < first else { return lines }
    var table = self
    for row in table.rows.indices { table.rows[row][0] = rows[row][0].clippedInside(room) }
    return table.lines
  }

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
