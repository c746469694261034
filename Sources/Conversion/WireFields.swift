/// Fields of protobuf messages in their wire format.
extension [UInt8] {
  mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func append(field number: UInt32, varint value: UInt64) {
    append(varint: UInt64(number) << 3)
    append(varint: value)
  }

  mutating func append(field number: UInt32, bytes: [UInt8]) {
    append(varint: UInt64(number) << 3 | 2)
    append(varint: UInt64(bytes.count))
    append(contentsOf: bytes)
  }
}

/// Iterates over the fields of a message that this process serialized.
struct WireCursor {
  enum Value {
    case number(UInt64)
    case bytes(Range<Int>)
  }

  let bytes: [UInt8]
  private(set) var position: Int
  private let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { position >= end }

  /// The next field; `nil` at the end, and where the bytes are not a message.
  mutating func next() -> (number: UInt32, value: Value)? {
    guard let tag = varint(), let number = UInt32(exactly: tag >> 3) else { return nil }
    switch tag & 7 {
    case 0: return varint().map { (number, .number($0)) }
    case 1: return fixed(8).map { (number, .number($0)) }
    case 5: return fixed(4).map { (number, .number($0)) }
    case 2:
      guard let length = varint(), length <= UInt64(end - position) else { return nil }
      let start = position
      position += Int(length)
      return (number, .bytes(start..<position))
    default: return nil
    }
  }

  /// The next variable-length integer.
  mutating func varint() -> UInt64? {
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while position < end, shift < 64 {
      let byte = bytes[position]
      position += 1
      result |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return result }
      shift += 7
    }
    return nil
  }

  /// The next integer of `size` bytes.
  mutating func fixed(_ size: Int) -> UInt64? {
    guard end - position >= size else { return nil }
    defer { position += size }
    return (0..<size).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
  }
}
