import ONNXFormat

/// A text table of numbers with the label in the last column: one example per line, cells separated by
/// commas, semicolons or tabs (whichever the first line contains), with or without a header.
public struct CSVTable: Sendable {
  /// The meaning of the last column.
  public enum LabelKind: Sendable, Hashable {
    /// Names or numbers of classes.
    case classes
    /// Target values.
    case value
  }

  /// The features, float32 `[N, F]`.
  public let features: Tensor
  /// The labels: int64 `[N]` for classes, float32 `[N, 1]` for values.
  public let labels: Tensor
  /// The names of the columns; empty if there is no header.
  public let header: [String]
  /// The names of the classes in the order of their labels; empty for values.
  public let classNames: [String]

  /// Reads a table from a file, gzipped or not.
  /// - Parameters:
  ///   - labels: The meaning of the last column.
  ///   - classNames: The expected classes, such as those of the training data; `nil` for the classes
  ///     found, numbers in ascending order before names in the order of their code points.
  ///   - limit: The largest size of the text in bytes.
  /// - Throws: `DataError` with the number of the faulty line.
  public init(
    contentsOf path: String, labels: LabelKind = .classes, classNames: [String]? = nil,
    limit: Int = 1 << 30
  ) throws(DataError) {
    let text = decodedText(try DataFile(path).readAll(limit: limit))
    do throws(DataError) {
      try self.init(text, labels: labels, classNames: classNames)
    } catch { throw DataError(error.problem, in: path) }
  }

  /// Reads a table from text.
  /// - Throws: `DataError` with the number of the faulty line.
  public init(
    _ text: String, labels kind: LabelKind = .classes, classNames: [String]? = nil
  ) throws(DataError) {
    var rows = CSVRows(text)
    guard let first = try rows.next() else {
      throw DataError("expected a table, found no line of text")
    }
    let width = first.cells.count
    guard width >= 2 else {
      throw DataError("line 1: expected features and a label, found \(width) column")
    }
    // The first line is a header if a feature in it is not a number.
    let isHeader = first.cells.dropLast().contains { CSVRows.number($0) == nil && !$0.isEmpty }
    header = isHeader ? first.cells : []
    var features: [Float] = []
    var names: [String] = []
    var values: [Float] = []
    var row = isHeader ? try rows.next() : first
    while let current = row {
      let place = "line \(current.line)"
      guard current.cells.count == width else {
        throw DataError("\(place): expected \(width) cells, found \(current.cells.count)")
      }
      for (column, cell) in current.cells.dropLast().enumerated() {
        guard let number = CSVRows.number(cell) else {
          throw DataError("\(place), column \(column + 1): expected a number, found \(cell.quoted)")
        }
        features.append(number)
      }
      let label = current.cells[width - 1]
      switch kind {
      case .classes:
        guard !label.isEmpty else { throw DataError("\(place): expected a label, found none") }
        names.append(label)
      case .value:
        guard let number = CSVRows.number(label) else {
          throw DataError("\(place): expected a number as the label, found \(label.quoted)")
        }
        values.append(number)
      }
      row = try rows.next()
    }
    let count = features.count / (width - 1)
    guard count > 0 else { throw DataError("expected examples, found a header only") }
    self.features = try Tensor(data: features, shape: [count, width - 1])
    switch kind {
    case .value:
      self.classNames = []
      labels = try Tensor(data: values, shape: [count, 1])
    case .classes:
      let classes = classNames ?? Self.sorted(Set(names))
      guard classNames != nil || classes.count >= 2 else {
        throw DataError(
          "expected at least 2 classes, found only \(classes.first?.quoted ?? "none")")
      }
      var numbers: [String: Int64] = [:]
      for (number, name) in classes.enumerated() { numbers[name] = Int64(number) }
      var found: [Int64] = []
      for (index, name) in names.enumerated() {
        guard let number = numbers[name] else {
          throw DataError(
            "example \(index + 1): expected one of \(classes.count) classes as the label, "
              + "found \(name.quoted)")
        }
        found.append(number)
      }
      self.classNames = classes
      labels = try Tensor(data: found, shape: [count])
    }
  }

  /// Numbers in ascending order, then names.
  private static func sorted(_ names: Set<String>) -> [String] {
    names.sorted { a, b in
      switch (Double(a), Double(b)) {
      case (let x?, let y?) where x != y: x < y
      case (.some, nil): true
      case (nil, .some): false
      default: a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
      }
    }
  }

  /// The examples. Batches have the tensors `features` and `labels`.
  /// - Throws: `DataError`
  public func dataset() throws(DataError) -> TensorDataset {
    try TensorDataset([.init("features", features), .init("labels", labels)])
  }
}

/// The lines of a table and their cells, which may be quoted (RFC 4180).
private struct CSVRows {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private let separator: UInt8

  init(_ text: String) {
    bytes = Array(text.utf8)
    let head = bytes.prefix { $0 != 0x0A }
    separator =
      [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")].first(where: head.contains)
      ?? UInt8(ascii: ",")
  }

  static func number(_ cell: String) -> Float? {
    guard let number = Float(cell), number.isFinite else { return nil }
    return number
  }

  /// The next line that is not empty; `nil` at the end.
  mutating func next() throws(DataError) -> (line: Int, cells: [String])? {
    while position < bytes.count {
      let start = line
      let cells = try cells()
      if cells.count > 1 || !cells[0].isEmpty { return (start, cells) }
    }
    return nil
  }

  private mutating func cells() throws(DataError) -> [String] {
    var cells: [String] = []
    var cell: [UInt8] = []
    func finish() {
      let trimmed = String(decoding: cell, as: UTF8.self).trimmed
      cells.append(trimmed)
      cell.removeAll(keepingCapacity: true)
    }
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): try quoted(&cell)
      case separator: finish()
      case 0x0D where position < bytes.count && bytes[position] == 0x0A: break
      case 0x0A, 0x0D:
        line += 1
        finish()
        return cells
      default: cell.append(byte)
      }
    }
    finish()
    return cells
  }

  private mutating func quoted(_ cell: inout [UInt8]) throws(DataError) {
    let start = line
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == 0x0A { line += 1 }
      if byte == UInt8(ascii: "\"") {
        guard position < bytes.count, bytes[position] == byte else { return }
        position += 1
      }
      cell.append(byte)
    }
    throw DataError("line \(start): expected a closing quote, found the end of the text")
  }
}

extension String {
  /// The text without leading and trailing spaces and tabs.
  fileprivate var trimmed: String {
    let scalars = unicodeScalars
    guard let first = scalars.firstIndex(where: { $0 != " " && $0 != "\t" }),
      let last = scalars.lastIndex(where: { $0 != " " && $0 != "\t" })
    else { return "" }
    return String(scalars[first...last])
  }
}
