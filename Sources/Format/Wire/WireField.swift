/// How protobuf writes a value. Groups (3 and 4) exist in no ONNX file.
enum WireType: UInt8 {
  case varint = 0
  case fixed64 = 1
  case bytes = 2
  case fixed32 = 5
}

/// One field of a message as it lies in the file.
struct WireField {
  var number: UInt32
  var type: WireType
  /// Where the field begins, tag included.
  var start: Int
  /// Where its value lies, length excluded.
  var body: Range<Int>
  /// The value of a varint.
  var value: UInt64
}

extension ByteSource {
  /// A number of up to 64 bits, seven a byte, lowest first. Moves `position` behind it.
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
          ? "a number has more than 64 bits" : "a number runs beyond its message",
        offset: start))
  }

  /// The field at `position`, which moves behind it.
  func field(at position: inout Int, end: Int) throws(FormatError) -> WireField {
    let start = position
    let tag = try varint(at: &position, end: end)
    let number = tag >> 3
    guard number >= 1, number < 1 << 29 else {
      throw FormatError(.malformed("a field number out of range", offset: start))
    }
    guard let type = WireType(rawValue: UInt8(truncatingIfNeeded: tag & 7)) else {
      throw FormatError(
        .malformed("field \(number) is of an unknown kind (\(tag & 7))", offset: start))
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
          "field \(number) of \(length) bytes runs beyond its message", offset: start))
    }
    position = body + Int(length)
    return WireField(
      number: UInt32(number), type: type, start: start, body: body..<position, value: value)
  }

  /// How many varints fill `range`.
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
      throw FormatError(.malformed("a number runs beyond its list", offset: range.upperBound))
    }
    return count
  }
}
