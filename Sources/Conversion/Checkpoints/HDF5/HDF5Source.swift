import ONNX

/// The bytes of an HDF5 file, which is a file, a stored entry of a zip archive, or in memory.
struct HDF5Source: Sendable {
  private let file: InputFile
  private let start: Int
  private let memory: [UInt8]?
  /// The number of bytes.
  let count: Int

  /// A range of a file.
  init(_ file: InputFile, _ range: Range<Int>) {
    self.file = file
    start = range.lowerBound
    count = range.count
    memory = nil
  }

  /// Bytes in memory, which came from a file.
  init(_ file: InputFile, memory: [UInt8]) {
    self.file = file
    start = 0
    count = memory.count
    self.memory = memory
  }

  private func check(_ size: Int, at offset: Int) throws(FormatError) {
    guard offset >= 0, size >= 0, offset <= count, size <= count - offset else {
      throw FormatError(.malformed("the HDF5 file ends early", offset: count))
    }
  }

  /// Copies bytes.
  /// - Throws: `FormatError` where the file has no such bytes
  func read(
    _ size: Int, at offset: Int, into target: UnsafeMutableRawPointer
  ) throws(FormatError) {
    try check(size, at: offset)
    guard let memory else { return try file.read(size, at: start + offset, into: target) }
    memory.withUnsafeBytes { bytes in
      if let from = bytes.baseAddress { target.copyMemory(from: from + offset, byteCount: size) }
    }
  }

  /// - Throws: `FormatError` where the file has no such bytes
  func bytes(_ size: Int, at offset: Int) throws(FormatError) -> [UInt8] {
    try check(size, at: offset)
    if let memory { return Array(memory[offset..<offset + size]) }
    return try PlainInput(ByteSource(file), start + offset..<start + offset + size).bytes(size)
  }
}

/// Little-endian numbers in a part of an HDF5 file, read in order.
struct HDF5Cursor {
  let bytes: [UInt8]
  var position = 0
  /// The bytes of an address and of a length.
  let sizes: (address: Int, length: Int)

  init(_ bytes: [UInt8], _ sizes: (address: Int, length: Int)) {
    self.bytes = bytes
    self.sizes = sizes
  }

  /// Sums of a few numbers below it do not overflow.
  private static let limit: UInt64 = 1 << 56

  var remaining: Int { bytes.count - position }

  mutating func take(_ count: Int) throws(FormatError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else {
      throw FormatError(.invalid("a part of the HDF5 file is cut short"))
    }
    defer { position += count }
    return bytes[position..<position + count]
  }

  mutating func skip(_ count: Int) throws(FormatError) { _ = try take(count) }

  /// A number of up to 8 bytes.
  mutating func number(_ size: Int) throws(FormatError) -> UInt64 {
    guard size <= 8 else { throw FormatError(.invalid("a number of \(size) bytes")) }
    return try take(size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A number that is a size or a position.
  mutating func int(_ size: Int) throws(FormatError) -> Int {
    let value = try number(size)
    guard value < Self.limit else {
      throw FormatError(.invalid("a size in the HDF5 file is out of range"))
    }
    return Int(value)
  }

  mutating func length() throws(FormatError) -> Int { try int(sizes.length) }

  /// An address; `nil` for the undefined one, whose bits are all 1.
  mutating func address() throws(FormatError) -> Int? {
    let value = try number(sizes.address)
    if value == UInt64.max >> UInt64(64 - 8 * sizes.address) { return nil }
    guard value < Self.limit else {
      throw FormatError(.invalid("an address in the HDF5 file is out of range"))
    }
    return Int(value)
  }

  mutating func expect(_ signature: String) throws(FormatError) {
    guard try take(4).elementsEqual(signature.utf8) else {
      throw FormatError(.invalid("a part of the HDF5 file is damaged: expected \(signature)"))
    }
  }
}
