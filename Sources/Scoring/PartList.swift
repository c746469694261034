import ONNXFormat
import ONNXSupport

/// The lines of a manifest.
///
/// After the title, the settings and an empty line, `input STEM SIZE TIME PATH` precedes the first part of
/// a file, `part NAME ROWS BYTES` states a whole part, `done STEM PARTS` a whole file.
struct PartList {
  private(set) var parts: [String: (rows: Int, bytes: Int)] = [:]
  private(set) var done: [String: Int] = [:]
  private(set) var inputs: [String: String] = [:]
  /// Whether the first lines are of these settings.
  private(set) var isOfSettings = false
  /// The bytes of the whole lines; the last line of a killed run may be cut.
  private(set) var byteCount = 0

  /// The largest number that makes sense: the bytes of a part.
  private static let most = 1 << 40
  private static let title = "onnx-run score 1"

  /// The lines before the first part.
  static func head(_ settings: [String]) -> String {
    ([title] + settings + [""]).map { $0 + "\n" }.joined()
  }

  /// An empty list.
  init() {}

  /// Reads the bytes of a manifest. Without parts, it may be of other settings.
  /// - Parameter overwrite: whether results of other settings are fine, and lines that nobody knows
  /// - Throws: `Failure`, without the path, for a file that is none
  init(_ bytes: [UInt8], settings: [String], overwrite: Bool) throws(Failure) {
    let head = Array(Self.head(settings).utf8)
    if head.starts(with: bytes) {
      // A run was killed before its first part, or there was none.
      isOfSettings = bytes == head
      byteCount = isOfSettings ? head.count : 0
      return
    }
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
    byteCount = lines.reduce(0) { $0 + $1.count + 1 }
    let texts = lines.map { String(decoding: $0, as: UTF8.self) }
    guard texts.first == Self.title else {
      let found = bytes.prefix(100).prefix { $0 != 0x0A }
      throw Failure(
        "expected a list of parts by onnx-run score, found "
          + String(decoding: found, as: UTF8.self).quoted)
    }
    let start = texts.firstIndex(of: "").map { $0 + 1 } ?? texts.count
    isOfSettings = bytes.starts(with: head)
    if !isOfSettings && !overwrite && texts[start...].contains(where: { $0.hasPrefix("part ") }) {
      let wanted = [Self.title] + settings + [""]
      let other = zip(texts, wanted).first { $0 != $1 }
      throw Failure(
        "the results are of other settings"
          + (other.map { ": \($0.quoted), now \($1.quoted)" } ?? "")
          + "; --overwrite replaces them")
    }
    for (index, line) in texts.enumerated().dropFirst(start) where !add(line) && !overwrite {
      throw Failure(
        "line \(index + 1): expected a part, found \(line.quoted); --overwrite writes all anew")
    }
  }

  /// Adds a file, or another one in place of one without parts.
  mutating func begin(_ stem: String, _ identity: String) {
    inputs[stem] = identity
    done[stem] = nil
  }

  /// - Returns: whether the line is one of a manifest
  private mutating func add(_ line: String) -> Bool {
    let words = line.split(separator: " ", maxSplits: 4).map(String.init)
    func number(_ index: Int) -> Int? {
      Int(words[index]).flatMap { (0...Self.most).contains($0) ? $0 : nil }
    }
    switch (words.first, words.count) {
    case ("part", 4):
      guard let rows = number(2), let bytes = number(3) else { return false }
      parts[words[1]] = (rows, bytes)
    case ("done", 3):
      guard let count = number(2) else { return false }
      done[words[1]] = count
    case ("input", 5): inputs[words[1]] = words.dropFirst(2).joined(separator: " ")
    default: return false
    }
    return true
  }
}
