import ONNX

/// Prints a model in the standard's text syntax, laid out as the reference printer does.
struct TextPrinter {
  private(set) var bytes: [UInt8] = []
  /// Content that is lost: the number of places, and the first.
  private var losses: [(message: String, kind: String, name: String, count: Int)] = []
  private var lossIndices: [String: Int] = [:]
  var indentation = 3

  mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func put(quoted text: some Sequence<UInt8>) {
    put("\"")
    for byte in text {
      if byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\"") {
        bytes.append(UInt8(ascii: "\\"))
      }
      bytes.append(byte)
    }
    put("\"")
  }

  mutating func put(quoted text: String) { put(quoted: text.utf8) }

  /// A name, in quotes where it is not a word or could be read as something else.
  mutating func put(name: String) {
    let isPlain =
      TextNames.isWord(name) && !TextNames.isTypeWord(name)
      && !["inf", "infinity", "nan"].contains(name.lowercased())
    if isPlain { put(name) } else { put(quoted: name) }
  }

  /// A name in a place where the reference parser accepts words only.
  mutating func put(word: String, of kind: String) {
    if TextNames.isWord(word) { return put(word) }
    warn("onnx.parser cannot read its name", kind, word)
    put(quoted: word)
  }

  mutating func put<C: Collection>(
    _ elements: C, _ open: String, _ separator: String, _ close: String,
    _ element: (inout TextPrinter, C.Element) -> Void
  ) {
    put(open)
    var isFirst = true
    for item in elements {
      if !isFirst { put(separator) }
      isFirst = false
      element(&self, item)
    }
    put(close)
  }

  mutating func put(names: [String], _ open: String, _ close: String) {
    put(names, open, ", ", close) { $0.put(name: $1) }
  }

  mutating func put(spaces count: Int) { put(String(repeating: " ", count: count)) }

  /// Records content that is left out or that other parsers cannot read.
  mutating func warn(_ message: String, _ kind: String, _ name: String?) {
    let index = lossIndices["\(kind): \(message)", default: losses.count]
    if index == losses.count {
      lossIndices["\(kind): \(message)"] = index
      losses.append((message, kind, name ?? "", 0))
    }
    losses[index].count += 1
  }

  mutating func lose(_ what: String, _ isGiven: Bool, _ kind: String, _ name: String?) {
    if isGiven { warn("\(what) omitted", kind, name) }
  }

  var warnings: [String] {
    losses.map { loss in
      let more = loss.count > 1 ? " and \(loss.count - 1) more" : ""
      return "\(loss.kind) \(loss.name.quoted)\(more): \(loss.message)"
    }
  }
}
