import ONNXFormat
import ONNXOperators

/// An Einstein summation, `ij,jk->ik`: labels of the axes of each term and of the result. Axes that
/// an ellipsis stands for have labels counted from the last.
struct EinsumEquation: Sendable {
  enum Label: Hashable, Sendable {
    case letter(Character)
    /// An axis of an ellipsis, 0 the last.
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
      throw .attribute("equation", "the result of '\(text)' names a label twice")
    }
    let known = Set(inputs.joined())
    guard output.allSatisfy({ known.contains($0) || $0 == .ellipsis }) else {
      throw .attribute("equation", "the result of '\(text)' has a label that no term has")
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
        throw .attribute("equation", "'\(text)' has a '-' that is no arrow")
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
          throw .attribute("equation", "'\(term)' has two ellipses")
        }
        symbols.append(.ellipsis)
        rest = rest.dropFirst(3)
      } else if character.isASCII && character.isLetter {
        symbols.append(.letter(character))
        rest = rest.dropFirst()
      } else {
        throw .attribute("equation", "'\(term)' has a '\(character)'")
      }
    }
    return symbols
  }

  var termCount: Int { inputs.count }

  /// The labels of a term's axes.
  func labels(_ term: Int, rank: Int) throws(OperatorError) -> [Label] {
    let symbols = inputs[term]
    let hasEllipsis = symbols.contains(.ellipsis)
    let axes = rank - symbols.count + (hasEllipsis ? 1 : 0)
    guard hasEllipsis ? axes >= 0 : axes == 0 else {
      throw .input(term, "rank \(rank) does not suit the term of \(symbols.count) labels")
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

  /// The labels of the result's axes, given those of all terms: without an arrow those of the
  /// ellipses, then the letters that occur once, in their order.
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
