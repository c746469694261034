import Glibc
import ONNX

/// The options of a call: words `name=value`.
struct CallOptions {
  private var values: [String: String] = [:]
  private var known: Set<String> = []

  /// Reads the words.
  /// - Throws: `CallError` for a word without `=` and a name that comes twice.
  init(_ text: UnsafePointer<CChar>?) throws {
    guard let text else { return }
    for word in String(cString: text).split(whereSeparator: \.isWhitespace) {
      guard let split = word.firstIndex(of: "="), split > word.startIndex else {
        throw CallError("option '\(word)': expected name=value")
      }
      let name = String(word[..<split])
      guard values.updateValue(String(word[word.index(after: split)...]), forKey: name) == nil
      else { throw CallError("option '\(name)' comes twice") }
    }
  }

  /// The value of an option, which then is a known one.
  mutating func text(_ name: String) -> String? {
    known.insert(name)
    return values[name]
  }

  /// An integer of at least `least`.
  mutating func integer(_ name: String, from least: Int = 0) throws -> Int? {
    guard let text = text(name) else { return nil }
    guard let number = Int(text), number >= least else {
      throw CallError("option '\(name)': expected an integer from \(least), got '\(text)'")
    }
    return number
  }

  /// A finite number that is not negative.
  mutating func number(_ name: String) throws -> Double? {
    guard let text = text(name) else { return nil }
    guard let number = Double(text), number.isFinite, number >= 0 else {
      throw CallError("option '\(name)': expected a number from 0, got '\(text)'")
    }
    return number
  }

  /// 1 or 0.
  mutating func flag(_ name: String) throws -> Bool? {
    try choice(name, [("0", false), ("1", true)])
  }

  /// One of some words.
  mutating func choice<T>(_ name: String, _ choices: [(name: String, value: T)]) throws -> T? {
    guard let text = text(name) else { return nil }
    if let choice = choices.first(where: { $0.name == text }) { return choice.value }
    let names = choices.map(\.name)
    let hint = nearest(text, names).map { "; did you mean '\($0)'?" } ?? ""
    throw CallError(
      "option '\(name)': expected \(names.joined(separator: ", ")), got '\(text)'\(hint)")
  }

  /// Checks that all options are known.
  /// - Throws: `CallError`
  func finish() throws {
    for name in values.keys.sorted() where !known.contains(name) {
      let hint = nearest(name, known.sorted()).map { "; did you mean '\($0)'?" } ?? ""
      throw CallError("there is no option '\(name)' here\(hint)")
    }
  }

  /// The options of a session.
  mutating func session(_ options: inout SessionOptions) throws {
    if let threads = try integer("threads"), threads > 0 { options.threads = threads }
    options.memoryLimit = try integer("memory_limit", from: 1) ?? options.memoryLimit
    if let seed = try integer("seed") { options.seed = UInt64(seed) }
    if try choice("optimization", [("all", true), ("none", false)]) == false {
      options.passes = []
    }
    options.convolution =
      try choice("convolution", [("automatic", .automatic), ("exact", .exact)])
      ?? options.convolution
    options.isBatchInvariant = try flag("batch_invariant") ?? options.isBatchInvariant
    options.expansions = [.gradients]
    options.reading.threads = options.threads ?? options.reading.threads
  }
}
