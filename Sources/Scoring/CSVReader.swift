import ONNXFormat
import ONNXSupport

/// Reads a CSV table line by line. The first line is a header if a cell in it is not a number.
final class CSVReader: TableReader {
  private typealias Cell = (start: Int, end: Int, isQuoted: Bool)

  let columns: [String]
  var plan = ColumnPlan()
  private(set) var position = 0
  private let path: String
  private let inputs: [RowInput]
  private let source: RecordSource
  private let separator: UInt8
  /// The first line, if it is not a header.
  private var isFirst: Bool
  private var part = 0..<0
  private var cells: [Cell] = []
  private var record = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

  init(_ path: String, _ inputs: [RowInput]) throws {
    self.path = path
    self.inputs = inputs
    source = try RecordSource(path, hasQuotes: true)
    guard let first = try source.next() else {
      separator = 0
      isFirst = false
      columns = []
      return
    }
    record = first
    let isTabbed = [".tsv", ".tsv.gz"].contains(where: path.lowercased().hasSuffix)
    separator =
      isTabbed
      ? 0x09
      : [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")].first { first.contains($0) }
        ?? UInt8(ascii: ",")
    source.separator = separator
    let texts: [String]
    do throws(Failure) {
      cells = try Self.split(first, separator)
      texts = try Self.texts(first, cells)
    } catch { throw Failure("\(path): line 1: \(error)") }
    isFirst = texts.allSatisfy { Double($0) != nil }
    columns = isFirst ? cells.indices.map { "column_\($0)" } : texts
  }

  var isEmpty: Bool { columns.isEmpty }

  var allowsUnnamed: Bool { true }

  private func advance() throws -> Bool {
    if isFirst {
      isFirst = false
      return true
    }
    guard let next = try source.next() else { return false }
    record = next
    do { cells = try Self.split(next, separator) } catch {
      throw Failure("\(path): line \(source.line): \(error)")
    }
    guard cells.count == columns.count else {
      throw Failure(
        "\(path): line \(source.line): expected \(columns.count) cells, found \(cells.count)")
    }
    return true
  }

  func open(_ part: Range<Int>) throws {
    self.part = part
    while position < part.lowerBound, try advance() { position += 1 }
  }

  func next(_ limit: Int) throws -> Block? {
    var buffers = inputs.map { ElementBuffer($0.elementType) }
    var kept = [[String]](repeating: [], count: plan.kept.count)
    var count = 0
    var bytes = 0
    while count < limit, position < part.upperBound, bytes < blockBytes, try advance() {
      bytes += record.count
      position += 1
      count += 1
      for index in inputs.indices {
        for column in plan.inputs[index] { try read(column, &buffers[index]) }
        guard inputs[index].shape(of: buffers[index].open) != nil else {
          throw Failure(
            "\(place(plan.inputs[index][0])): \(inputs[index].misfit(buffers[index].open))")
        }
        buffers[index].endRow()
      }
      for (index, column) in plan.kept.enumerated() {
        kept[index].append(try text(column))
      }
    }
    guard count > 0 else { return nil }
    return Block(count: count, inputs: buffers.map(\.values), kept: .texts(kept))
  }

  private func place(_ column: Int) -> String {
    "\(path): line \(source.line), column \(columns[column].quoted)"
  }

  private func read(_ column: Int, _ buffer: inout ElementBuffer) throws {
    let cell = cells[column]
    if buffer.type == .string { return buffer.append(try text(column)) }
    guard cell.end > cell.start else {
      throw Failure("\(place(column)): expected a value, found none")
    }
    guard buffer.append(text: UnsafeBufferPointer(rebasing: record[cell.start..<cell.end])) else {
      throw Failure(
        "\(place(column)): expected \(buffer.type), found \(try text(column).quoted)")
    }
  }

  private func text(_ column: Int) throws(Failure) -> String {
    do { return try Self.text(record, cells[column]) } catch {
      throw Failure("\(place(column)): \(error)")
    }
  }

  /// The cells of a line without spaces and quotes around them.
  private static func split(
    _ record: UnsafeBufferPointer<UInt8>, _ separator: UInt8
  ) throws(Failure) -> [Cell] {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 && separator != 0x09 }
    let quote = UInt8(ascii: "\"")
    var cells: [Cell] = []
    var index = 0
    while true {
      while index < record.count, isSpace(record[index]) { index += 1 }
      var start = index
      var end: Int
      var isQuoted = false
      if index < record.count, record[index] == quote {
        isQuoted = true
        start += 1
        index += 1
        while true {
          guard index < record.count else {
            throw Failure("expected a closing quote, found the end of the text")
          }
          if record[index] == quote {
            guard index + 1 < record.count, record[index + 1] == quote else { break }
            index += 1
          }
          index += 1
        }
        end = index
        index += 1
        while index < record.count, isSpace(record[index]) { index += 1 }
        guard index == record.count || record[index] == separator else {
          let rest = String(decoding: record[index..<min(index + 12, record.count)], as: UTF8.self)
          throw Failure("expected the end of a cell behind its quote, found \(rest.quoted)")
        }
      } else {
        while index < record.count, record[index] != separator { index += 1 }
        end = index
        while end > start, isSpace(record[end - 1]) { end -= 1 }
      }
      cells.append((start, end, isQuoted))
      guard index < record.count else { return cells }
      index += 1
    }
  }

  private static func texts(
    _ record: UnsafeBufferPointer<UInt8>, _ cells: [Cell]
  ) throws(Failure) -> [String] {
    var texts: [String] = []
    for cell in cells { texts.append(try text(record, cell)) }
    return texts
  }

  private static func text(
    _ record: UnsafeBufferPointer<UInt8>, _ cell: Cell
  ) throws(Failure) -> String {
    let bytes = record[cell.start..<cell.end]
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(
        "expected text in UTF-8, found \(String(decoding: bytes, as: UTF8.self).quoted)")
    }
    guard cell.isQuoted, bytes.contains(UInt8(ascii: "\"")) else { return text }
    var plain: [UInt8] = []
    var wasQuote = false
    for byte in bytes {
      wasQuote = byte == UInt8(ascii: "\"") && !wasQuote
      if !wasQuote { plain.append(byte) }
    }
    return String(decoding: plain, as: UTF8.self)
  }
}
