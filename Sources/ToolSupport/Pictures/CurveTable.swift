/// Numbers in columns, a line an epoch or step, as CSV: learning curves.
public struct CurveTable: Sendable {
  public let columns: [String]
  /// A number that was not measured is `nil`: an empty cell.
  public private(set) var rows: [[Double?]] = []

  public init(_ columns: [String]) { self.columns = columns }

  /// - Precondition: a number, or `nil`, for each column.
  public mutating func append(_ row: [Double?]) {
    precondition(row.count == columns.count, "\(row.count) numbers for \(columns.count) columns")
    rows.append(row)
  }

  /// The numbers of a column with those of the first, where there are both.
  public func points(_ column: String) -> [(x: Double, y: Double)] {
    guard let index = columns.firstIndex(of: column) else { return [] }
    return rows.compactMap { row in
      guard let x = row[0], let y = row[index] else { return nil }
      return (x, y)
    }
  }

  /// A header and a line for each row. Numbers have nine significant digits.
  public var csv: String {
    let header = columns.map(Self.cell).joined(separator: ",")
    let lines = rows.map { row in
      row.map { $0.map { formatted($0, "%.9g") } ?? "" }.joined(separator: ",")
    }
    return ([header] + lines).joined(separator: "\n") + "\n"
  }

  /// A name, in quotes where it needs them (RFC 4180).
  private static func cell(_ text: String) -> String {
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\""
      + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }
}
