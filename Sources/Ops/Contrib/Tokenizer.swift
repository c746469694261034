import ONNXFormat
import ONNXOperators
import ONNXOther

/// Splits each text of `[C]` or `[N, C]` into tokens, along a new last axis that is as long as the longest
/// list of them; `pad_value` follows the shorter ones.
///
/// Tokens are what is between matches of `separators`, one expression after another, or else the matches
/// of `tokenexp`: regular expressions in the syntax of RE2, of which the longest match counts (see
/// `RegexProgram`). One empty separator, and the expression `.`, stand for all characters. Tokens of fewer
/// than `mincharnum` characters are left out. With `mark`, U+0002 and U+0003 enclose the tokens of each
/// text. The axis has size 0 if there is no token; there is no such axis if there is no text.
struct Tokenizer: Operator {
  static let schema = Schema(
    "Tokenizer", domain: ContribOperators.domain, [1: .string], inputs: 1...1)

  private enum Rule {
    case characters
    case separators([RegexProgram])
    case tokens(RegexProgram)
  }

  private let rule: Rule
  private let marks: Bool
  private let padding: String
  /// The least number of characters of a token.
  private let least: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    marks = try node.int("mark") != 0
    padding = try node.string("pad_value")
    least = try node.int("mincharnum")
    guard least > 0 else { throw .attribute("mincharnum", "expected at least 1, got \(least)") }
    // Separators come first where both are given.
    let separators = try node.optionalStrings("separators")
    let tokens = try node.optionalString("tokenexp")
    if let separators {
      guard !separators.isEmpty else { throw .attribute("separators", "expected at least one") }
      if separators == [""] {
        rule = .characters
      } else {
        var programs: [RegexProgram] = []
        for separator in separators { programs.append(try Self.program("separators", separator)) }
        rule = .separators(programs)
      }
    } else if let tokens {
      guard !tokens.isEmpty else { throw .attribute("tokenexp", "expected an expression, got ''") }
      rule = tokens == "." ? .characters : .tokens(try Self.program("tokenexp", tokens))
    } else {
      throw .attribute("tokenexp", "expected it, or the attribute 'separators'")
    }
    if case .characters = rule, least > 1 {
      throw .attribute("mincharnum", "expected 1 where characters are tokens, got \(least)")
    }
  }

  private static func program(
    _ attribute: String, _ pattern: String
  ) throws(OperatorError) -> RegexProgram {
    do { return try RegexProgram(pattern) } catch {
      throw .attribute(attribute, "'\(pattern)': \(error.reason)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard let shape = try inputs.tensor(0, .string).shape else { return [.tensor(.string, nil)] }
    guard shape.rank == 1 || shape.rank == 2 else {
      throw .input(0, "expected shape [C] or [N,C], got \(shape)")
    }
    let sizes = shape.dimensions.map(\.size)
    if sizes.contains(0) {
      return [.tensor(.string, Shape(shape.dimensions.dropLast() + [0]))]
    }
    // The rank is that of the input if an unknown size turns out to be 0.
    return [.tensor(.string, sizes.contains(nil) ? nil : Shape(shape.dimensions + [.unknown]))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let data = try call.tensor(0)
      guard data.count > 0 else {
        return [.tensor(try call.allocate(.string, data.shape.dropLast() + [0]))]
      }
      let rows = tokens(data.elements(as: String.self))
      let longest = rows.map(\.count).max() ?? 0
      let width = longest == 0 || !marks ? longest : longest + 2
      let result = try call.allocate(.string, data.shape + [width])
      guard width > 0 else { return [.tensor(result)] }
      let y = result.storage.pointer.assumingMemoryBound(to: String.self)
      for (index, row) in rows.enumerated() {
        let line = marks ? ["\u{2}"] + row + ["\u{3}"] : row
        for column in 0..<width {
          y[index * width + column] = column < line.count ? line[column] : padding
        }
      }
      return [.tensor(result)]
    }
  }

  private func tokens(_ texts: some Sequence<String>) -> [[String]] {
    switch rule {
    case .characters: return texts.map { $0.unicodeScalars.map { String($0) } }
    case .separators(let programs):
      var searches = programs.map { RegexSearch($0) }
      return texts.map { text in
        let text = ArraySlice(text.unicodeScalars)
        var parts = [text.startIndex..<text.endIndex]
        for index in searches.indices {
          parts = parts.flatMap { split(text[$0], &searches[index]) }
        }
        return parts.map { String(String.UnicodeScalarView(text[$0])) }
      }
    case .tokens(let program):
      var search = RegexSearch(program)
      return texts.map { text in
        let text = ArraySlice(text.unicodeScalars)
        return matches(text, &search).map { String(String.UnicodeScalarView(text[$0])) }
      }
    }
  }

  /// The parts between separators. A separator of no characters takes the character after it away.
  private func split(
    _ text: ArraySlice<Unicode.Scalar>, _ separator: inout RegexSearch
  ) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = text.startIndex
    while start <= text.endIndex, !Deadline.isPassed {
      let match = separator.first(in: text, from: start)
      let part = start..<(match?.lowerBound ?? text.endIndex)
      if part.count >= least { parts.append(part) }
      guard let match else { break }
      start = match.isEmpty ? match.upperBound + 1 : match.upperBound
    }
    return parts
  }

  /// The matches of enough characters. The search goes on one character after the start of others.
  private func matches(
    _ text: ArraySlice<Unicode.Scalar>, _ search: inout RegexSearch
  ) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start = text.startIndex
    while text.endIndex - start >= least, !Deadline.isPassed,
      let match = search.first(in: text, from: start)
    {
      if match.count >= least {
        found.append(match)
        start = match.upperBound
      } else {
        start = match.lowerBound + 1
      }
    }
    return found
  }
}
