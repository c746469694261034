import ONNXFormat

/// The tokens that a model of text knows, each with its number: characters (Unicode scalars) or
/// words. A model carries it in its metadata under `metadataKey`, as a JSON array in their order.
public struct Vocabulary: Sendable {
  /// What a token is.
  public enum Unit: Sendable, Hashable { case character, word }

  public static let metadataKey = "vocabulary"
  /// What fills a sequence up to the length of its batch.
  public static let padding = "<pad>"
  /// What stands for a word that is not in the vocabulary.
  public static let unknown = "<unk>"
  /// What begins and ends a sequence that a model writes.
  public static let start = "<start>"
  public static let end = "<end>"

  public let tokens: [String]
  public let unit: Unit
  /// By the token's UTF-8, because strings of different scalars can be equal.
  private let numbers: [[UInt8]: Int]

  public var count: Int { tokens.count }

  /// - Throws: `DataError` where there is no token, or one twice.
  public init(_ tokens: [String], unit: Unit) throws(DataError) {
    guard !tokens.isEmpty else { throw DataError("expected tokens in the vocabulary, found none") }
    var numbers: [[UInt8]: Int] = [:]
    numbers.reserveCapacity(tokens.count)
    for (number, token) in tokens.enumerated() {
      guard numbers.updateValue(number, forKey: Array(token.utf8)) == nil else {
        throw DataError("the vocabulary has the token \(token.quoted) twice")
      }
    }
    self.tokens = tokens
    self.unit = unit
    self.numbers = numbers
  }

  /// The characters of a text, in the order of their code points.
  /// - Parameter special: tokens to stand before them
  public init(charactersOf text: String, special: [String] = []) throws(DataError) {
    let characters = Set(text.unicodeScalars).sorted()
    try self.init(special + characters.map { String(Character($0)) }, unit: .character)
  }

  /// The words of sentences, the most frequent first, those of equal number in the order of their
  /// code points, after `special`.
  /// - Parameters:
  ///   - minimumCount: how often a word must stand there to be taken
  ///   - limit: how many words to take at most
  public init(
    wordsOf sentences: some Sequence<[String]>, special: [String] = [padding, unknown],
    minimumCount: Int = 1, limit: Int = .max
  ) throws(DataError) {
    var counts: [String: Int] = [:]
    for sentence in sentences {
      for word in sentence { counts[word, default: 0] += 1 }
    }
    for token in special { counts[token] = nil }
    let words = counts.filter { $0.value >= minimumCount }.sorted {
      $0.value != $1.value
        ? $0.value > $1.value
        : $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars)
    }
    try self.init(special + words.prefix(max(0, limit)).map(\.key), unit: .word)
  }

  /// Reads what `json` gives. Tokens of one character each, those in angle brackets not counted,
  /// are characters.
  /// - Throws: `DataError` for anything but an array of different strings.
  public init(json: String) throws(DataError) {
    let tokens = try StringList.parse(json)
    let areCharacters = tokens.allSatisfy { token in
      token.unicodeScalars.count == 1 || token.hasPrefix("<") && token.hasSuffix(">")
    }
    try self.init(tokens, unit: areCharacters ? .character : .word)
  }

  /// The tokens as a JSON array.
  public var json: String { StringList.json(tokens) }

  /// The token's number; `nil` for one that is not here.
  public func number(of token: String) -> Int? { numbers[Array(token.utf8)] }

  /// The number that stands for words which are not here, if any does.
  public var unknownNumber: Int? { number(of: Self.unknown) }

  /// The numbers of a text's characters or words.
  /// - Throws: `DataError` for a token that is not here, where none stands for the unknown.
  public func numbers(of text: String) throws(DataError) -> [Int32] {
    switch unit {
    case .word: return try numbers(of: words(in: text))
    case .character:
      var table: [Unicode.Scalar: Int32] = [:]
      var result: [Int32] = []
      result.reserveCapacity(text.utf8.count)
      for scalar in text.unicodeScalars {
        if let known = table[scalar] {
          result.append(known)
        } else {
          let number = try known(String(Character(scalar)))
          table[scalar] = number
          result.append(number)
        }
      }
      return result
    }
  }

  /// The numbers of tokens.
  /// - Throws: `DataError` for a token that is not here, where none stands for the unknown.
  public func numbers(of tokens: [String]) throws(DataError) -> [Int32] {
    var result: [Int32] = []
    result.reserveCapacity(tokens.count)
    for token in tokens { result.append(try known(token)) }
    return result
  }

  private func known(_ token: String) throws(DataError) -> Int32 {
    guard let number = number(of: token) ?? unknownNumber, let short = Int32(exactly: number) else {
      let kind = unit == .character ? "character" : "word"
      throw DataError("the vocabulary of \(count) \(kind)s has no \(kind) \(token.quoted)")
    }
    return short
  }

  /// The text of tokens: characters as they are, words with spaces between them where a person
  /// would write them.
  public func text(of numbers: some Sequence<Int>) -> String {
    var text = ""
    for number in numbers { text += self.text(of: number, after: text) }
    return text
  }

  /// What to write for a token behind a text; empty for a number that has none.
  public func text(of number: Int, after text: String) -> String {
    guard tokens.indices.contains(number) else { return "" }
    let token = tokens[number]
    return unit == .word && needsSpace(text, token) ? " " + token : token
  }
}
