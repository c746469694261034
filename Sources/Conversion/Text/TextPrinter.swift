import ONNX

/// Writes a model in the standard's text syntax, laid out as the reference printer does.
struct TextPrinter {
  private(set) var bytes: [UInt8] = []
  /// What is lost: how often, and where first.
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

  /// The name, in quotes where it is not a word or could be taken for something else.
  mutating func put(name: String) {
    let isPlain =
      TextNames.isWord(name) && !TextNames.isTypeWord(name)
      && !["inf", "infinity", "nan"].contains(name.lowercased())
    if isPlain { put(name) } else { put(quoted: name) }
  }

  /// A name where the reference parser takes words only.
  mutating func put(word: String, of kind: String) {
    if TextNames.isWord(word) { return put(word) }
    warn("onnx.parser does not read its name", kind, word)
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

  /// Notes that something of an object is left out, or not read by others.
  mutating func warn(_ message: String, _ kind: String, _ name: String?) {
    let index = lossIndices["\(kind): \(message)", default: losses.count]
    if index == losses.count {
      lossIndices["\(kind): \(message)"] = index
      losses.append((message, kind, name ?? "", 0))
    }
    losses[index].count += 1
  }

  mutating func lose(_ what: String, _ isGiven: Bool, _ kind: String, _ name: String?) {
    if isGiven { warn("\(what) left out", kind, name) }
  }

  var warnings: [String] {
    losses.map { loss in
      let more = loss.count > 1 ? ", and \(loss.count - 1) more" : ""
      return "\(loss.kind) \(loss.name.quoted)\(more): \(loss.message)"
    }
  }
}
