import ONNXFormat

/// The encoding of the samples in a RIFF/WAVE file.
struct WAVEncoding {
  private enum Kind: Int {
    case integer = 1
    case float = 3
    case aLaw = 6
    case µLaw = 7
  }
  private let kind: Kind
  let rate: Int
  let channels: Int
  /// The bytes of a sample.
  let bytes: Int

  /// The bytes 2 to 15 of the subformats that stand for one of the kinds.
  private static let subformat: [UInt8] = [
    0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71,
  ]

  /// Reads the content of the chunk `fmt `, cut to 40 bytes.
  /// - Parameter place: the offset of the chunk's content in the file
  init(_ chunk: [UInt8], at place: Int) throws(FormatError) {
    func malformed(_ what: String, _ offset: Int) -> FormatError {
      FormatError(.malformed(what, offset: place + offset))
    }
    guard chunk.count >= 16 else {
      throw malformed("expected at least 16 bytes in the chunk 'fmt ', found \(chunk.count)", 0)
    }
    func number(_ offset: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 | Int(chunk[offset + $1]) << (8 * $1) }
    }
    var code = number(0, 2)
    let bits = number(14, 2)
    (channels, rate, bytes) = (number(2, 2), number(4, 4), bits / 8)
    if code == 0xFFFE {
      guard chunk.count == 40 else {
        throw malformed("expected 40 bytes of an extensible format, found \(chunk.count)", 0)
      }
      guard chunk[26...].elementsEqual(Self.subformat) else {
        throw FormatError(.unsupported("an unknown subformat of samples"))
      }
      code = number(24, 2)
    }
    guard let kind = Kind(rawValue: code) else {
      throw FormatError(.unsupported("samples of the format \(code)"))
    }
    self.kind = kind
    let widths =
      switch kind {
      case .integer: [8, 16, 24, 32]
      case .float: [32, 64]
      case .aLaw, .µLaw: [8]
      }
    guard widths.contains(bits) else {
      throw malformed("expected samples of \(widths) bits, found \(bits)", 14)
    }
    guard channels > 0 else { throw malformed("expected at least 1 channel, found none", 2) }
    guard rate > 0 else { throw malformed("expected a sample rate above 0", 4) }
    guard number(12, 2) == channels * bytes else {
      throw malformed(
        "expected \(channels * bytes) bytes for \(channels) samples, found \(number(12, 2))", 12)
    }
  }

  /// The sample in these bytes.
  func sample(_ bytes: ArraySlice<UInt8>) -> Float {
    let bits = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    switch kind {
    case .integer where bytes.count == 1: return Float(Int(bits) - 128) / 128
    case .integer:
      // The sign bit becomes the highest bit.
      let value = Int64(bitPattern: bits << UInt64(64 - 8 * bytes.count))
      return Float(value) / 0x1p63
    case .float:
      return bytes.count == 4
        ? Float(bitPattern: UInt32(truncatingIfNeeded: bits)) : Float(Double(bitPattern: bits))
    case .aLaw: return Self.aLaw(Int(bits) ^ 0x55)
    case .µLaw: return Self.µLaw(Int(bits) ^ 0xFF)
    }
  }

  /// ITU-T G.711, table 1, in units of 1 / 2¹⁵.
  private static func aLaw(_ code: Int) -> Float {
    let (segment, step) = (code >> 4 & 7, code & 15)
    let size = segment == 0 ? step << 4 | 8 : (step << 4 | 0x108) << (segment - 1)
    return Float(code & 0x80 != 0 ? size : -size) / 0x8000
  }

  /// ITU-T G.711, table 2, in units of 1 / 2¹⁵.
  private static func µLaw(_ code: Int) -> Float {
    let size = ((code & 15) << 3 | 0x84) << (code >> 4 & 7) - 0x84
    return Float(code & 0x80 != 0 ? -size : size) / 0x8000
  }
}
