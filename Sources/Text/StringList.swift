/// A JSON array of strings, the form of a vocabulary in a model's metadata.
enum StringList {
  /// The array on one line. Control characters are escaped.
  static func json(_ strings: [String]) -> String {
    "[" + strings.map(\.asJSON).joined(separator: ", ") + "]"
  }

  /// Reads an array of strings (RFC 8259).
  /// - Throws: `DataError` for other text.
  static func parse(_ json: String) throws(DataError) -> [String] {
    var parser = Parser(text: Array(json.unicodeScalars))
    return try parser.strings()
  }

  private struct Parser {
    let text: [Unicode.Scalar]
    var position = 0

    private func error(_ expected: String) -> DataError {
      DataError(
        "expected \(expected) at character \(position) of a JSON array of strings, found "
          + (position < text.count ? "'\(text[position])'" : "its end"))
    }

    private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private mutating func skipSpace() {
      while let next, [" ", "\n", "\r", "\t"].contains(next) { position += 1 }
    }

    private mutating func accept(_ scalar: Unicode.Scalar) -> Bool {
      skipSpace()
      guard next == scalar else { return false }
      position += 1
      return true
    }

    mutating func strings() throws(DataError) -> [String] {
      var strings: [String] = []
      guard accept("[") else { throw error("'['") }
      if !accept("]") {
        repeat { strings.append(try string()) } while accept(",")
        guard accept("]") else { throw error("',' or ']'") }
      }
      skipSpace()
      guard next == nil else { throw error("nothing more") }
      return strings
    }

    private mutating func string() throws(DataError) -> String {
      guard accept("\"") else { throw error("'\"'") }
      var result = String.UnicodeScalarView()
      while let scalar = next {
        position += 1
        switch scalar {
        case "\"": return String(result)
        case "\\": result.append(try escape())
        case _ where scalar.value < 0x20:
          position -= 1
          throw error("no control character")
        default: result.append(scalar)
        }
      }
      throw error("'\"'")
    }

    private mutating func escape() throws(DataError) -> Unicode.Scalar {
      guard let scalar = next else { throw error("an escaped character") }
      position += 1
      switch scalar {
      case "\"", "\\", "/": return scalar
      case "b": return "\u{8}"
      case "f": return "\u{C}"
      case "n": return "\n"
      case "r": return "\r"
      case "t": return "\t"
      case "u":
        let high = try unit()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, next == "\\", position + 1 < text.count, text[position + 1] == "u"
        else { throw error("the second half of a pair of surrogates") }
        position += 2
        let low = try unit()
        guard (0xDC00..<0xE000).contains(low),
          let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw error("the second half of a pair of surrogates") }
        return scalar
      default:
        position -= 1
        throw error("an escape that JSON has")
      }
    }

    private mutating func unit() throws(DataError) -> UInt32 {
      var value: UInt32 = 0
      for _ in 0..<4 {
        guard let scalar = next, scalar.isASCII,
          let digit = Character(scalar).hexDigitValue
        else { throw error("four hexadecimal digits") }
        value = value << 4 | UInt32(digit)
        position += 1
      }
      return value
    }
  }
}
