/// The encoding of a value in protobuf. ONNX files have no groups (3 and 4).
enum WireType: UInt8 {
  case varint = 0
  case fixed64 = 1
  case bytes = 2
  case fixed32 = 5
}

/// A field of a message, by its place in the file.
struct WireField {
  /// The number of the field in the message.
  var number: UInt32
  /// The encoding of its value.
  var type: WireType
  /// The offset of the field, which starts with its tag.
  var start: Int
  /// The range of the value, without tag and length.
  var body: Range<Int>
  /// The value, if it is a varint, otherwise 0.
  var value: UInt64
}

extension ByteSource {
  /// Reads a number of up to 64 bits, 7 in each byte, lowest first. Moves `position` past it.
  @inline(__always)
  func varint(at position: inout Int, end: Int) throws(FormatError) -> UInt64 {
    let start = position
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = try byte(at: position)
      position &+= 1
      result |= UInt64(byte & 0x7F) &<< shift
      if byte < 0x80 {
        if shift == 63 && byte > 1 { break }
        return result
      }
      shift &+= 7
      if shift > 63 { break }
    }
    throw FormatError(
      .malformed(
        position < end || shift >= 63
          ? "a number has more than 64 bits" : "a number extends beyond its message",
        offset: start))
  }

  /// Reads the field at `position`, and moves `position` past it.
  func field(at position: inout Int, end: Int) throws(FormatError) -> WireField {
    let start = position
    let tag = try varint(at: &position, end: end)
    let number = tag >> 3
    guard number >= 1, number < 1 << 29 else {
      throw FormatError(.malformed("a field number is out of range", offset: start))
    }
    guard let type = WireType(rawValue: UInt8(truncatingIfNeeded: tag & 7)) else {
      throw FormatError(
        .malformed("field \(number) has the unknown wire type \(tag & 7)", offset: start))
    }
    var value: UInt64 = 0
    var body = position
    var length: UInt64
    switch type {
    case .varint:
      value = try varint(at: &position, end: end)
      return WireField(
        number: UInt32(number), type: type, start: start, body: body..<position, value: value)
    case .fixed64: length = 8
    case .fixed32: length = 4
    case .bytes:
      length = try varint(at: &position, end: end)
      body = position
    }
    guard length <= UInt64(end - body) else {
      throw FormatError(
        .malformed(
          "field \(number) of \(length) bytes extends beyond its message", offset: start))
    }
    position = body + Int(length)
    return WireField(
      number: UInt32(number), type: type, start: start, body: body..<position, value: value)
  }

  /// The number of varints in `range`.
  func countVarints(in range: Range<Int>) throws(FormatError) -> Int {
    var count = 0
    var last: UInt8 = 0
    var offset = range.lowerBound
    while offset < range.upperBound {
      let piece = try piece(offset..<range.upperBound)
      for byte in piece where byte < 0x80 { count &+= 1 }
      last = piece[piece.count - 1]
      offset += piece.count
    }
    if last >= 0x80 {
      throw FormatError(.malformed("a number extends beyond its list", offset: range.upperBound))
    }
    return count
  }
}
