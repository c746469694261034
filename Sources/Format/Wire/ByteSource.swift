/// Bytes of a file or in memory, read at any offset. Those of a file are read through a buffer, the
/// window, which moves as needed.
package final class ByteSource {
  /// The number of bytes.
  package let count: Int
  /// The file; `nil` for bytes in memory.
  let file: InputFile?
  private let window: UnsafeMutableRawPointer?
  private var base: UnsafeRawPointer
  private var start = 0
  private var length: Int

  private static let windowSize = 64 << 10

  /// The bytes of a file.
  package init(_ file: InputFile) {
    let window = UnsafeMutableRawPointer.allocate(byteCount: Self.windowSize, alignment: 64)
    self.file = file
    self.count = file.count
    self.window = window
    self.base = UnsafeRawPointer(window)
    self.length = 0
  }

  /// Bytes in memory.
  /// - Precondition: the memory outlives the source.
  init(_ start: UnsafeRawPointer, count: Int) {
    self.file = nil
    self.count = count
    self.window = nil
    self.base = start
    self.length = count
  }

  deinit { window?.deallocate() }

  /// Calls `body` with a source of these bytes. It is valid until `body` returns.
  /// - Throws: `FormatError` if there are no bytes.
  package static func reading<R>(
    _ bytes: [UInt8], _ body: (ByteSource) throws(FormatError) -> R
  ) throws(FormatError) -> R {
    let result: Result<R, FormatError> = bytes.withUnsafeBytes { buffer in
      Result { () throws(FormatError) in
        guard let start = buffer.baseAddress, buffer.count > 0 else {
          throw FormatError(.invalid("there are no bytes"))
        }
        return try body(ByteSource(start, count: buffer.count))
      }
    }
    return try result.get()
  }

  /// Moves the window to `offset`.
  @inline(never)
  private func move(to offset: Int) throws(FormatError) {
    guard let file, let window, offset >= 0, offset < count else {
      throw FormatError(.malformed("the data ends early", offset: count))
    }
    let size = min(Self.windowSize, count - offset)
    length = 0
    try file.read(size, at: offset, into: window)
    start = offset
    length = size
  }

  /// The byte at `offset`.
  @inline(__always)
  package func byte(at offset: Int) throws(FormatError) -> UInt8 {
    if UInt(bitPattern: offset &- start) >= UInt(bitPattern: length) { try move(to: offset) }
    return base.load(fromByteOffset: offset &- start, as: UInt8.self)
  }

  /// The first bytes of `range`, at least one, as far as they are in the window. They are valid until the
  /// next call.
  /// - Precondition: `range` is not empty.
  func piece(_ range: Range<Int>) throws(FormatError) -> UnsafeRawBufferPointer {
    let offset = range.lowerBound
    if UInt(bitPattern: offset &- start) >= UInt(bitPattern: length) { try move(to: offset) }
    return UnsafeRawBufferPointer(
      start: base + (offset - start), count: min(range.count, length - (offset - start)))
  }

  /// Copies the bytes of `range`. Long ranges bypass the window.
  package func read(_ range: Range<Int>, into target: UnsafeMutableRawPointer) throws(FormatError) {
    guard range.lowerBound >= 0, range.upperBound <= count else {
      throw FormatError(.malformed("the data ends early", offset: count))
    }
    var offset = range.lowerBound
    while offset < range.upperBound {
      let rest = range.upperBound - offset
      let isInWindow = offset >= start && offset < start + length
      if !isInWindow, let file, rest >= Self.windowSize {
        return try file.read(rest, at: offset, into: target + (offset - range.lowerBound))
      }
      let piece = try piece(offset..<range.upperBound)
      guard let from = piece.baseAddress else { return }
      (target + (offset - range.lowerBound)).copyMemory(from: from, byteCount: piece.count)
      offset += piece.count
    }
  }

  /// The bytes of `range`.
  package func bytes(_ range: Range<Int>) throws(FormatError) -> [UInt8] {
    var result: [UInt8] = []
    try append(range, to: &result)
    return result
  }

  /// Appends the bytes of `range`.
  func append(_ range: Range<Int>, to bytes: inout [UInt8]) throws(FormatError) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let piece = try piece(offset..<range.upperBound)
      bytes.append(contentsOf: piece)
      offset += piece.count
    }
  }
}
