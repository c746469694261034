import Glibc
import ONNXSupport
import ONNXTraining

/// The records of a text file, gzipped or not: its lines, or those of a CSV table, whose quoted cells may
/// have line breaks.
final class RecordSource {
  private let file: DataFile
  private let hasQuotes: Bool
  private var buffer: UnsafeMutablePointer<UInt8>
  private var capacity = 1 << 18
  private var position = 0
  private var filled = 0
  private var isAtEnd = false
  /// The number of the line that the last record starts at.
  private(set) var line = 0
  /// The separator of cells; until it is known, each of three.
  var separator: UInt8?
  private var nextLine = 1
  /// The most bytes of a record.
  private static let longest = 64 << 20

  init(_ path: String, hasQuotes: Bool) throws {
    file = try DataFile(path)
    self.hasQuotes = hasQuotes
    buffer = .allocate(capacity: capacity + 1)
    try fill()
    let first = Array(UnsafeBufferPointer(start: buffer, count: min(filled, 3)))
    if first == [0xEF, 0xBB, 0xBF] { position = 3 }
    if first.starts(with: [0xFF, 0xFE]) || first.starts(with: [0xFE, 0xFF]) {
      throw Failure("\(path): expected UTF-8, found UTF-16")
    }
  }

  deinit { buffer.deallocate() }

  /// Moves what is left to the start of the buffer and reads more behind it.
  private func fill() throws {
    let left = filled - position
    if left == capacity {
      guard capacity < Self.longest else {
        throw Failure("\(file.path): line \(nextLine) is longer than \(Self.longest) bytes")
      }
      let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity * 2 + 1)
      larger.update(from: buffer + position, count: left)
      buffer.deallocate()
      (buffer, capacity) = (larger, capacity * 2)
    } else {
      memmove(buffer, buffer + position, left)
    }
    position = 0
    let count = try file.read(
      into: UnsafeMutableRawBufferPointer(start: buffer + left, count: capacity - left))
    filled = left + count
    isAtEnd = count < capacity - left
    // A number at the very end must not be read further.
    buffer[filled] = 0
  }

  /// The bytes of the next record without its line break, valid until the next call; `nil` at the end.
  func next() throws -> UnsafeBufferPointer<UInt8>? {
    while let record = try nextRecord() {
      // Tabs alone may be the empty cells of a table.
      if !record.allSatisfy({ $0 == 0x20 || $0 == 0x09 && !hasQuotes }) { return record }
    }
    return nil
  }

  private func nextRecord() throws -> UnsafeBufferPointer<UInt8>? {
    var searched = 0
    var place = Place.cellStart
    var breaks = 1
    while true {
      while let found = memchr(buffer + position + searched, 0x0A, filled - position - searched) {
        let end = buffer.distance(to: found.assumingMemoryBound(to: UInt8.self))
        if hasQuotes { advance(&place, from: position + searched, to: end) }
        searched = end + 1 - position
        if place == .quoted {
          breaks += 1
          continue
        }
        return record(end: end, next: end + 1, breaks)
      }
      if isAtEnd {
        guard position < filled else { return nil }
        return record(end: filled, next: filled, breaks)
      }
      try fill()
    }
  }

  /// A place in a record, for the meaning of a quote.
  private enum Place { case cellStart, inCell, quoted, behindQuote }

  private func advance(_ place: inout Place, from start: Int, to end: Int) {
    if place == .cellStart, memchr(buffer + start, 0x22, end - start) == nil { return }
    for index in start..<end {
      let byte = buffer[index]
      switch (place, byte) {
      case (.quoted, 0x22): place = .behindQuote
      case (.quoted, _): break
      case (.cellStart, 0x22), (.behindQuote, 0x22): place = .quoted
      case (_, separator ?? 0x2C), (_, separator ?? 0x3B), (_, separator ?? 0x09):
        place = .cellStart
      case (.cellStart, 0x20), (.cellStart, 0x09): break
      default: place = .inCell
      }
    }
  }

  private func record(end: Int, next: Int, _ breaks: Int) -> UnsafeBufferPointer<UInt8> {
    line = nextLine
    nextLine += breaks
    let last = end > position && buffer[end - 1] == 0x0D ? end - 1 : end
    defer { position = next }
    return UnsafeBufferPointer(start: buffer + position, count: last - position)
  }
}
