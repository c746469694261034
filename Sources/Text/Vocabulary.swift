/// The tokens of a text model and their numbers. Tokens are characters (Unicode scalars) or words. A
/// model has its vocabulary in its metadata under `metadataKey`, as a JSON array.
public struct Vocabulary: Sendable {
  /// A kind of tokens.
  public enum Unit: Sendable, Hashable {
    /// Unicode scalars.
    case character
    /// Words, punctuation marks and line ends.
    case word
  }

  /// The metadata key of a model's vocabulary.
  public static let metadataKey = "vocabulary"
  /// The token that pads sequences.
  public static let padding = "<pad>"
  /// The token for words that are not in the vocabulary.
  public static let unknown = "<unk>"
  /// The token before a sequence that a model writes.
  public static let start = "<start>"
  /// The token after a sequence that a model writes.
  public static let end = "<end>"

  /// The tokens in the order of their numbers.
  public let tokens: [String]
  /// The kind of tokens.
  public let unit: Unit
  /// Token numbers by UTF-8, since strings of different scalars can be equal.
  private let numbers: [[UInt8]: Int]

  /// The number of tokens.
  public var count: Int { tokens.count }

  /// Creates a vocabulary. The number of a token is its index.
  /// - Throws: `DataError` if there is no token, or two are equal.
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

  /// Creates a vocabulary of the characters of a text, in the order of their code points.
  /// - Parameter special: Tokens before the characters.
  /// - Throws: `DataError` if there is no token, or two are equal.
  public init(charactersOf text: String, special: [String] = []) throws(DataError) {
    let characters = Set(text.unicodeScalars).sorted()
    try self.init(special + characters.map { String(Character($0)) }, unit: .character)
  }

  /// Creates a vocabulary of the words of sentences, the most frequent first. Words of equal frequency
  /// are in the order of their code points.
  /// - Parameters:
  ///   - special: Tokens before the words.
  ///   - minimumCount: The number of occurrences that a word needs.
  ///   - limit: The largest number of words.
  /// - Throws: `DataError` if there is no token, or two special ones are equal.
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

  /// Reads a JSON array of tokens. If all have one character, except those in angle brackets, the unit
  /// is the character.
  /// - Throws: `DataError` unless the text is an array of different strings.
  public init(json: String) throws(DataError) {
    let tokens = try StringList.parse(json)
    let areCharacters = tokens.allSatisfy { token in
      token.unicodeScalars.count == 1 || token.hasPrefix("<") && token.hasSuffix(">")
    }
    try self.init(tokens, unit: areCharacters ? .character : .word)
  }

  /// The tokens as a JSON array.
  public var json: String { StringList.json(tokens) }

  /// The number of a token; `nil` if it is not in the vocabulary.
  public func number(of token: String) -> Int? { numbers[Array(token.utf8)] }

  /// The number of the unknown word, if the vocabulary has one.
  public var unknownNumber: Int? { number(of: Self.unknown) }

  /// Divides a text into tokens and looks up their numbers.
  /// - Throws: `DataError` if a token is not in the vocabulary and there is no unknown word.
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

  /// Looks up the numbers of tokens.
  /// - Throws: `DataError` if a token is not in the vocabulary and there is no unknown word.
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

  /// Joins tokens to a text. Words are separated by spaces, except before punctuation marks.
  public func text(of numbers: some Sequence<Int>) -> String {
    var text = ""
    for number in numbers { text += self.text(of: number, after: text) }
    return text
  }

  /// The text that appends a token to `text`, with a space if needed; empty if there is no such token.
  public func text(of number: Int, after text: String) -> String {
    guard tokens.indices.contains(number) else { return "" }
    let token = tokens[number]
    return unit == .word && needsSpace(text, token) ? " " + token : token
  }
}
