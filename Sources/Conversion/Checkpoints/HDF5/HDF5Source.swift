import ONNX

/// The bytes of an HDF5 file, which is a file, a part of one, or in memory.
struct HDF5Source: Sendable {
  private enum Place {
    case file(InputFile)
    case memory([UInt8])
  }
  private let place: Place
  /// The number of bytes.
  let count: Int

  init(_ file: InputFile) {
    place = .file(file)
    count = file.count
  }

  init(memory: [UInt8]) {
    place = .memory(memory)
    count = memory.count
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
    switch place {
    case .file(let file): try file.read(size, at: offset, into: target)
    case .memory(let bytes):
      bytes.withUnsafeBytes { bytes in
        if let from = bytes.baseAddress { target.copyMemory(from: from + offset, byteCount: size) }
      }
    }
  }

  /// - Throws: `FormatError` where the file has no such bytes
  func bytes(_ size: Int, at offset: Int) throws(FormatError) -> [UInt8] {
    try check(size, at: offset)
    switch place {
    case .file(let file): return try file.bytes(offset..<offset + size)
    case .memory(let bytes): return Array(bytes[offset..<offset + size])
    }
  }
}

extension InputFile {
  /// The bytes of a range.
  /// - Throws: `FormatError` outside the file, and where reading fails
  func bytes(_ range: Range<Int>) throws(FormatError) -> [UInt8] {
    var failure: FormatError?
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      guard let target = buffer.baseAddress else { return }
      do throws(FormatError) {
        try read(range.count, at: range.lowerBound, into: target)
        count = range.count
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
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
