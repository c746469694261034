/// Base64 as in RFC 4648.
enum Base64 {
  private static let letters = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The value of each letter, those of the URL-safe alphabet included; 255 for other bytes.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, letter) in letters.enumerated() { values[Int(letter)] = UInt8(value) }
    values[Int(UInt8(ascii: "-"))] = 62
    values[Int(UInt8(ascii: "_"))] = 63
    return values
  }()

  /// Appends the text for `source`, padded with `=`.
  static func encode(_ source: ArraySlice<UInt8>, to text: inout [UInt8]) {
    text.reserveCapacity(text.count + (source.count + 2) / 3 * 4)
    var index = source.startIndex
    while index < source.endIndex {
      let count = min(3, source.endIndex - index)
      var group: UInt32 = 0
      for offset in 0..<3 {
        group = group << 8 | (offset < count ? UInt32(source[index + offset]) : 0)
      }
      for offset in 0..<4 {
        let letter = Int(group >> UInt32(18 - 6 * offset)) & 63
        text.append(offset <= count ? letters[letter] : UInt8(ascii: "="))
      }
      index += count
    }
  }

  /// The bytes that a text encodes, with or without padding; `nil` where it is not base64.
  static func decode(_ text: [UInt8]) -> [UInt8]? {
    var text = text[...]
    var padding = 0
    while text.last == UInt8(ascii: "=") {
      text.removeLast()
      padding += 1
    }
    guard padding <= 2, text.count % 4 != 1 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3 + 3)
    var group: UInt32 = 0
    var bits: UInt32 = 0
    for letter in text {
      let value = values[Int(letter)]
      if value == 255 { return nil }
      group = (group << 6 | UInt32(value)) & 0xFFFFFF
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: group >> bits))
      }
    }
    return bytes
  }
}
