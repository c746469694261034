/// The words of a review as in Kim (2014): lower-case letters, digits, `(),!?'` and the back quote.
/// `'s`, `n't`, `'ve`, `'re`, `'d`, `'ll` and punctuation marks are words of their own.
/// (`clean_str` of github.com/yoonkim/CNN_sentence, `process_data.py`.)
package func reviewWords(in text: String) -> [String] {
  var bytes = text.utf8.map { byte in isKept(byte) ? byte : space }
  bytes = split(bytes, "'s")
  bytes = split(bytes, "'ve")
  bytes = split(bytes, "n't")
  bytes = split(bytes, "'re")
  bytes = split(bytes, "'d")
  bytes = split(bytes, "'ll")
  var words: [String] = []
  var word: [UInt8] = []
  func finish() {
    if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
    word.removeAll(keepingCapacity: true)
  }
  for byte in bytes {
    switch byte {
    case space: finish()
    case UInt8(ascii: ","), UInt8(ascii: "!"), UInt8(ascii: "("), UInt8(ascii: ")"),
      UInt8(ascii: "?"):
      finish()
      word.append(byte)
      finish()
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): word.append(byte | 0x20)
    default: word.append(byte)
    }
  }
  finish()
  return words
}

private let space = UInt8(ascii: " ")

private func isKept(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "("), UInt8(ascii: ")"),
    UInt8(ascii: ","), UInt8(ascii: "!"), UInt8(ascii: "?"), UInt8(ascii: "'"),
    UInt8(ascii: "`"):
    true
  default: false
  }
}

/// The bytes with a space before every occurrence of `part`.
private func split(_ bytes: [UInt8], _ part: String) -> [UInt8] {
  let part = Array(part.utf8)
  var result: [UInt8] = []
  result.reserveCapacity(bytes.count + 16)
  var index = 0
  while index < bytes.count {
    if bytes[index] == part[0], bytes[index...].starts(with: part) {
      result.append(space)
      result += part
      index += part.count
    } else {
      result.append(bytes[index])
      index += 1
    }
  }
  return result
}
