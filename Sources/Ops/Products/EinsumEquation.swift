import ONNXFormat
import ONNXOperators

/// An Einstein summation such as `ij,jk->ik`: the labels of the axes of each term and of the
/// result. The axes of an ellipsis have labels counted from the last axis.
struct EinsumEquation: Sendable {
  enum Label: Hashable, Sendable {
    case letter(Character)
    /// An axis of an ellipsis; 0 is the last.
    case ellipsis(Int)
  }

  private enum Symbol: Hashable {
    case letter(Character)
    case ellipsis
  }
  private let inputs: [[Symbol]]
  private let output: [Symbol]?

  init(_ text: String) throws(OperatorError) {
    let sides = try Self.split(text.filter { !$0.isWhitespace })
    var inputs: [[Symbol]] = []
    for term in sides.inputs { inputs.append(try Self.symbols(term)) }
    self.inputs = inputs
    output = try sides.output.map { text throws(OperatorError) in try Self.symbols(text) }
    guard let output else { return }
    guard Set(output).count == output.count else {
      throw .attribute("equation", "the result of '\(text)' has a duplicate label")
    }
    let known = Set(inputs.joined())
    guard output.allSatisfy({ known.contains($0) || $0 == .ellipsis }) else {
      throw .attribute("equation", "the result of '\(text)' has a label that no term contains")
    }
  }

  private static func split(
    _ text: String
  ) throws(OperatorError) -> (inputs: [Substring], output: Substring?) {
    var left = text[...]
    var right: Substring?
    if let arrow = text.firstIndex(of: "-") {
      let next = text.index(after: arrow)
      guard next < text.endIndex, text[next] == ">" else {
        throw .attribute("equation", "'\(text)' has '-' without '>'; expected '->'")
      }
      left = text[..<arrow]
      right = text[text.index(after: next)...]
    }
    return (left.split(separator: ",", omittingEmptySubsequences: false), right)
  }

  private static func symbols(_ term: Substring) throws(OperatorError) -> [Symbol] {
    var symbols: [Symbol] = []
    var rest = term
    while let character = rest.first {
      if rest.hasPrefix("...") {
        guard !symbols.contains(.ellipsis) else {
          throw .attribute("equation", "'\(term)' has more than one ellipsis")
        }
        symbols.append(.ellipsis)
        rest = rest.dropFirst(3)
      } else if character.isASCII && character.isLetter {
        symbols.append(.letter(character))
        rest = rest.dropFirst()
      } else {
        throw .attribute(
          "equation", "'\(term)' has an invalid character '\(character)'; expected letters")
      }
    }
    return symbols
  }

  var termCount: Int { inputs.count }

  /// The labels of the axes of a term.
  func labels(_ term: Int, rank: Int) throws(OperatorError) -> [Label] {
    let symbols = inputs[term]
    let hasEllipsis = symbols.contains(.ellipsis)
    let axes = rank - symbols.count + (hasEllipsis ? 1 : 0)
    guard hasEllipsis ? axes >= 0 : axes == 0 else {
      throw .input(
        term, "expected rank \(symbols.count) for the labels of the term, got rank \(rank)")
    }
    return Self.labels(symbols, ellipsis: axes)
  }

  private static func labels(_ symbols: [Symbol], ellipsis axes: Int) -> [Label] {
    symbols.flatMap { symbol -> [Label] in
      switch symbol {
      case .letter(let letter): [.letter(letter)]
      case .ellipsis: (0..<axes).reversed().map { .ellipsis($0) }
      }
    }
  }

  /// The labels of the result's axes, given the labels of all terms. Without an arrow: the labels
  /// of ellipses, then the letters that occur once, in alphabetical order.
  func outputLabels(_ terms: [[Label]]) -> [Label] {
    var axes = 0
    var counts: [Character: Int] = [:]
    for label in terms.joined() {
      switch label {
      case .ellipsis(let index): axes = max(axes, index + 1)
      case .letter(let letter): counts[letter, default: 0] += 1
      }
    }
    if let output { return Self.labels(output, ellipsis: axes) }
    let once = counts.filter { $0.value == 1 }.keys.sorted()
    return Self.labels([.ellipsis] + once.map { .letter($0) }, ellipsis: axes)
  }
}
