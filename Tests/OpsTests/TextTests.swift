import ONNX
import OperatorLaws
import Testing

private func words(_ values: String...) -> Tensor { Tensor(shape: [values.count], values) }

@Suite struct TextTests {
  @Test func concatenates() throws {
    #expect(
      try result("StringConcat", [words("abc", "def"), words(".com", ".net")])
        == words("abc.com", "def.net"))
    #expect(try result("StringConcat", [words("cat", "dog"), words("s")]) == words("cats", "dogs"))
    #expect(
      try result("StringConcat", [Tensor(shape: [2, 1], ["a", "b"]), words("c", "d")])
        == Tensor(shape: [2, 2], ["ac", "ad", "bc", "bd"]))
    expectError("does not broadcast", "StringConcat", [words("a", "b"), words("a", "b", "c")])
  }

  @Test func splits() throws {
    func split(_ x: Tensor, _ attributes: [Attribute] = []) throws -> [Tensor?] {
      try checkOperator(
        Node("StringSplit", inputs: ["x"], outputs: ["y", "z"], attributes: attributes), [x])
    }
    #expect(
      try split(words("abc.com", "def.net"), [.string("delimiter", ".")])
        == [Tensor(shape: [2, 2], ["abc", "com", "def", "net"]), int64s(2, 2)])
    #expect(
      try split(words("hello world !", " hello   world !", "  ", ""))
        == [
          Tensor(
            shape: [4, 3],
            ["hello", "world", "!", "hello", "world", "!", "", "", "", "", "", ""]),
          int64s(3, 3, 0, 0),
        ])
    #expect(
      try split(words("a,b,,c", ""), [.string("delimiter", ","), .int("maxsplit", 2)])
        == [Tensor(shape: [2, 3], ["a", "b", ",c", "", "", ""]), int64s(3, 1)])
    #expect(
      try split(words(" a b  c "), [.int("maxsplit", 1)])
        == [Tensor(shape: [1, 2], ["a", "b  c"]), int64s(2)])
    #expect(try split(Tensor(shape: [0], [String]()))[0]?.shape == [0, 0])
  }

  @Test func normalizes() throws {
    let x = words("monday", "tuesday", "wednesday", "thursday")
    let stop = Attribute.strings("stopwords", ["Monday"])
    #expect(
      try result(
        "StringNormalizer", [x],
        [stop, .string("case_change_action", "UPPER"), .int("is_case_sensitive", 0)])
        == words("TUESDAY", "WEDNESDAY", "THURSDAY"))
    #expect(try result("StringNormalizer", [x], [stop, .int("is_case_sensitive", 1)]) == x)
    #expect(
      try result("StringNormalizer", [words("monday")], [stop]) == words(""))
    expectError("expected shape", "StringNormalizer", [Tensor(shape: [2, 1], ["a", "b"])])
  }

  @Test(arguments: [
    (#"www\.[\w.-]+\.\bcom\b"#, ["www.google.com"], ["www.bbc.co.uk"]),
    (
      #"(\W|^)[\w.\-]{0,25}@(yahoo|gmail)\.com(\W|$)"#, ["account@gmail.com", "a@yahoo.com"],
      ["account@hotmail.com", "not email"]
    ),
    ("a*b+c?", ["b", "aabbc", "abbb"], ["", "ac", "abcc"]),
    ("a{2,3}", ["aa", "aaa"], ["a", "aaaa"]),
    ("a{2}|b{0,1}|c{3,}", ["aa", "b", "", "cccc"], ["a", "cc", "bb"]),
    ("(?i)straße[[:digit:]]", ["STRAßE1", "straße2"], ["straße", "strasse3"]),
    ("(?i:a)b", ["Ab", "ab"], ["AB"]),
    ("[^a-c\\d]", ["d", "é", "\n"], ["a", "7", ""]),
    ("[]a-]+", ["]", "a-]"], ["b"]),
    (".", ["x", "语"], ["\n", ""]),
    ("(?s).", ["\n"], []),
    (#"\x41\x{8BED}\t\Qa.b\E"#, ["A语\ta.b"], ["A语\taxb"]),
    (#"(?m)a$\n^b"#, ["a\nb"], ["a b"]),
    ("(a*)*", ["", "aaaa"], ["b"]),
    ("(?P<year>[0-9]{4})-(?:0[1-9]|1[0-2])", ["2024-12"], ["2024-13"]),
    ("x{,2}", ["x{,2}"], ["xx"]),
  ])
  func matches(pattern: String, matching: [String], failing: [String]) throws {
    let attribute = Attribute.string("pattern", pattern)
    let x = Tensor(shape: [matching.count + failing.count], matching + failing)
    let y = Tensor(shape: x.shape, matching.map { _ in true } + failing.map { _ in false })
    #expect(try result("RegexFullMatch", [x], [attribute]) == y)
  }

  @Test(arguments: [
    "(", ")", "[a", "a**", "*", "a{2,1}", "a{1001}", #"\1"#, #"\pL"#, "(?<a", "(?z)", #"\"#,
    "[b-a]", "[[:none:]]", "(((a{1000}){1000}){1000})", "((((){1000}){1000}){1000}){1000}",
    String(repeating: "(", count: 100_000),
  ])
  func refusesPatterns(pattern: String) {
    expectError("'pattern'", "RegexFullMatch", [words("a")], [.string("pattern", pattern)])
  }

  @Test func matchesInLinearTime() throws {
    let text = String(repeating: "a", count: 3000)
    #expect(
      try result(
        "RegexFullMatch", [words(text)], [.string("pattern", "(a|aa)+(a*)*(a?){20}b")])
        == Tensor(shape: [1], [false]))
  }
}
