import ONNX
import OperatorLaws
import Testing

@Suite struct TokenizerTests {
  private func tokens(
    _ x: Tensor, _ rule: Attribute..., mark: Int = 0, least: Int = 1,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Tensor {
    try contrib(
      "Tokenizer", [x],
      rule + [.int("mark", mark), .int("mincharnum", least), .string("pad_value", "#")],
      sourceLocation: sourceLocation)
  }

  /// The example of the operator's documentation.
  @Test func padsShorterTexts() throws {
    #expect(
      try tokens(vector("Hello World", "I love computer science !"), .strings("separators", [" "]))
        == Tensor(
          shape: [2, 5],
          ["Hello", "World", "#", "#", "#", "I", "love", "computer", "science", "!"]))
  }

  @Test func marksEnclosePaddedTokens() throws {
    #expect(
      try tokens(
        Tensor(shape: [2, 1], ["ab cd e", "x"]), .string("tokenexp", "[a-z]+"), mark: 1)
        == Tensor(
          shape: [2, 1, 5], ["\u{2}", "ab", "cd", "e", "\u{3}", "\u{2}", "x", "\u{3}", "#", "#"]))
    // There is nothing to mark without tokens.
    #expect(
      try tokens(vector("", "b"), .string("tokenexp", "a"), mark: 1).shape == [2, 0])
  }

  @Test func charactersAreTokens() throws {
    let expected = Tensor(shape: [2, 2], ["a", "b", "é", "#"])
    #expect(try tokens(vector("ab", "é"), .strings("separators", [""])) == expected)
    #expect(try tokens(vector("ab", "é"), .string("tokenexp", ".")) == expected)
  }

  @Test(arguments: [
    ("abab", "a|ab|aba", 1, ["aba"]),
    ("ab cde f", "[a-z]+?", 2, ["ab", "cde"]),
    ("abcd xyz", "[a-z]{1,3}", 3, ["abc", "xyz"]),
    ("a-a", #"\ba\b|-a|^a"#, 1, ["a", "-a"]),
    ("aaa", "^a", 1, ["a"]),
    ("abc abc", #"\Bc|abc"#, 1, ["abc", "abc"]),
    ("été là", #"\w*"#, 1, ["t", "l"]),
    ("aab aac", "a*b|aac|c", 1, ["aab", "aac"]),
  ])
  func longestMatchesAreTokens(text: String, pattern: String, least: Int, expected: [String]) throws
  {
    #expect(
      try tokens(vector(text), .string("tokenexp", pattern), least: least)
        == Tensor(shape: [1, expected.count], expected))
  }

  @Test(arguments: [
    ("a b, cd,,e ", [" ", ","], 1, ["a", "b", "cd", "e"]),
    ("a b, cd,,e ", [#"[ ,]+"#], 2, ["cd"]),
    ("a-aa", ["-", "^a"], 1, ["a"]),
    // An empty match takes a character away.
    ("ab", ["a", ""], 1, []),
    ("b", ["$"], 1, ["b"]),
  ])
  func textsAreSplitAtSeparators(
    text: String, separators: [String], least: Int, expected: [String]
  ) throws {
    #expect(
      try tokens(vector(text), .strings("separators", separators), least: least)
        == Tensor(shape: [1, expected.count], expected))
  }

  @Test func noTextsGiveNoAxisOfTokens() throws {
    let rule = Attribute.string("tokenexp", "a")
    #expect(try tokens(Tensor(shape: [0], [String]()), rule).shape == [0])
    #expect(try tokens(Tensor(shape: [2, 0], [String]()), rule).shape == [2, 0])
    #expect(try tokens(Tensor(shape: [0, 2], [String]()), rule).shape == [0, 0])
  }

  @Test func searchesInLinearTime() throws {
    let text = String(repeating: "a", count: 3000)
    #expect(
      try tokens(vector(text), .string("tokenexp", "(a|aa)+(a*)*(a?){20}b")).shape == [1, 0])
  }

  @Test(arguments: [
    ("'(': missing ')'", Attribute.string("tokenexp", "("), 1),
    ("'*': nothing to repeat", .strings("separators", [" ", "*"]), 1),
    ("'mincharnum': expected at least 1, got 0", .string("tokenexp", "a"), 0),
    ("'mincharnum': expected 1 where characters", .string("tokenexp", "."), 2),
    ("'tokenexp'", .string("tokenexp", ""), 1),
  ])
  func refusesWrongAttributes(message: String, rule: Attribute, least: Int) {
    let error = #expect(throws: (any Error).self) {
      try tokens(vector("a"), rule, least: least)
    }
    #expect("\(error as Any)".contains(message))
  }

  @Test func refusesNodesWithoutARule() {
    let error = #expect(throws: (any Error).self) { try tokens(vector("a")) }
    #expect("\(error as Any)".contains("'tokenexp': expected it, or the attribute 'separators'"))
  }

  @Test func refusesTextsOfThreeAxes() {
    let error = #expect(throws: (any Error).self) {
      try tokens(Tensor(shape: [1, 1, 1], ["a"]), .string("tokenexp", "a"))
    }
    #expect("\(error as Any)".contains("expected shape [C] or [N,C], got [1,1,1]"))
  }
}
