import ONNXOperators
import ONNXShape

/// A parser of regular expressions in the syntax of RE2.
struct RegexParser {
  private struct Flags {
    var ignoresCase = false
    var isMultiline = false
    var dotMatchesNewline = false
  }

  private let scalars: [Unicode.Scalar]
  private var place = 0
  private var flags = Flags()
  private var depth = 0

  init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

  private var next: Unicode.Scalar? { place < scalars.count ? scalars[place] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard scalars[place...].starts(with: wanted) else { return false }
    place += wanted.count
    return true
  }

  private func fail(_ reason: String) -> RegexProgram.Failure {
    RegexProgram.Failure(reason: "\(reason) at position \(place)")
  }

  mutating func parse() throws(RegexProgram.Failure) -> RegexNode {
    let node = try choice()
    guard place == scalars.count else { throw fail("unexpected ')'") }
    return node
  }

  private mutating func choice() throws(RegexProgram.Failure) -> RegexNode {
    depth += 1
    defer { depth -= 1 }
    guard depth <= 200 else { throw fail("groups are nested too deeply") }
    let outer = flags
    defer { flags = outer }
    var options: [RegexNode] = [try sequence()]
    while take("|") { options.append(try sequence()) }
    return options.count == 1 ? options[0] : .choice(options)
  }

  private mutating func sequence() throws(RegexProgram.Failure) -> RegexNode {
    var parts: [RegexNode] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      guard let part = try atom() else { continue }
      parts.append(try quantified(part))
    }
    return .sequence(parts)
  }

  private mutating func quantified(_ atom: RegexNode) throws(RegexProgram.Failure) -> RegexNode {
    guard let (least, most) = try quantifier() else { return atom }
    // Whether a quantifier is greedy does not affect a match of the whole text, nor the longest match.
    _ = take("?")
    if try quantifier() != nil { throw fail("bad repetition operator") }
    return .repetition(atom, least: least, most: most)
  }

  private mutating func quantifier() throws(RegexProgram.Failure) -> (least: Int, most: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let start = place
    guard take("{"), let least = number() else {
      place = start
      return nil
    }
    var most: Int? = least
    if take(",") { most = number() }
    // A brace that is not a valid repetition is literal.
    guard take("}") else {
      place = start
      return nil
    }
    guard least <= 1000, (most ?? 0) <= 1000, most.map({ $0 >= least }) ?? true else {
      throw fail("bad repetition size")
    }
    return (least, most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = next, ("0"..."9").contains(scalar) {
      value = min((value ?? 0) * 10 + Int(scalar.value - 48), 1_000_000)
      place += 1
    }
    return value
  }

  private func set(_ set: RegexSet) -> RegexNode {
    var set = set
    set.ignoresCase = flags.ignoresCase
    return .set(set)
  }

  /// An atom that a quantifier may follow; `nil` for flags and for empty quotes.
  private mutating func atom() throws(RegexProgram.Failure) -> RegexNode? {
    guard let scalar = next else { return nil }
    place += 1
    switch scalar {
    case "(": return try group()
    case "[": return set(try characterClass())
    case ".": return .set(RegexSet(flags.dotMatchesNewline ? [] : [0x0A...0x0A]).negated)
    case "^": return .assert(flags.isMultiline ? .lineStart : .textStart)
    case "$": return .assert(flags.isMultiline ? .lineEnd : .textEnd)
    case "*", "+", "?": throw fail("nothing to repeat")
    case "\\": return try escape()
    default: return set(RegexSet(scalar))
    }
  }

  private mutating func group() throws(RegexProgram.Failure) -> RegexNode? {
    if take("?") {
      if take("P<") || take("<") {
        while let scalar = next, scalar != ">" {
          guard RegexSet.word.contains(scalar) else { throw fail("bad group name") }
          place += 1
        }
        guard take(">") else { throw fail("missing '>'") }
      } else if try setFlags() {
        return nil
      } else {
        // The flags apply to this group only.
        let node = try choice()
        flags = saved.removeLast()
        guard take(")") else { throw fail("missing ')'") }
        return node
      }
    }
    let node = try choice()
    guard take(")") else { throw fail("missing ')'") }
    return node
  }

  /// The flags to restore after groups that set some.
  private var saved: [Flags] = []

  /// Reads `flags)` or `flags:`.
  /// - Returns: whether the flags are not followed by a group
  private mutating func setFlags() throws(RegexProgram.Failure) -> Bool {
    let before = flags
    var value = true
    while let scalar = next {
      place += 1
      switch scalar {
      case "i": flags.ignoresCase = value
      case "m": flags.isMultiline = value
      case "s": flags.dotMatchesNewline = value
      case "U": break
      case "-" where value: value = false
      case ")": return true
      case ":":
        saved.append(before)
        return false
      default: throw fail("unknown flag '\(scalar)'")
      }
    }
    throw fail("missing ')'")
  }

  private mutating func escape() throws(RegexProgram.Failure) -> RegexNode? {
    guard let scalar = next else { throw fail("trailing '\\'") }
    switch scalar {
    case "A":
      place += 1
      return .assert(.textStart)
    case "z":
      place += 1
      return .assert(.textEnd)
    case "b":
      place += 1
      return .assert(.boundary)
    case "B":
      place += 1
      return .assert(.noBoundary)
    case "Q":
      place += 1
      var parts: [RegexNode] = []
      while let quoted = next, !take("\\E") {
        parts.append(set(RegexSet(quoted)))
        place += 1
      }
      return parts.isEmpty ? nil : .sequence(parts)
    default: return set(try escapedSet())
    }
  }

  /// Reads the characters after a backslash, inside or outside of a class.
  private mutating func escapedSet() throws(RegexProgram.Failure) -> RegexSet {
    guard let scalar = next else { throw fail("trailing '\\'") }
    place += 1
    switch scalar {
    case "d": return .digit
    case "D": return RegexSet.digit.negated
    case "s": return .space
    case "S": return RegexSet.space.negated
    case "w": return .word
    case "W": return RegexSet.word.negated
    case "a": return RegexSet("\u{07}")
    case "f": return RegexSet("\u{0C}")
    case "n": return RegexSet("\n")
    case "r": return RegexSet("\r")
    case "t": return RegexSet("\t")
    case "v": return RegexSet("\u{0B}")
    case "x":
      var digits: [Unicode.Scalar] = []
      if take("{") {
        while let digit = next, digit != "}", digits.count < 8 {
          digits.append(digit)
          place += 1
        }
        guard take("}") else { throw fail("missing '}'") }
      } else {
        digits = Array(scalars[place...].prefix(2))
        place += digits.count
      }
      let text = String(String.UnicodeScalarView(digits))
      guard let value = UInt32(text, radix: 16), let result = Unicode.Scalar(value) else {
        throw fail("bad code '\(text)'")
      }
      return RegexSet(result)
    case "0"..."7":
      // Octal, since there are no back references.
      var value = scalar.value - 48
      var count = 1
      while count < 3, let digit = next, ("0"..."7").contains(digit) {
        value = value * 8 + digit.value - 48
        place += 1
        count += 1
      }
      guard count > 1 || scalar == "0", let result = Unicode.Scalar(value) else {
        throw fail("back references are not supported")
      }
      return RegexSet(result)
    case _ where scalar.isASCII && !RegexSet.word.contains(scalar): return RegexSet(scalar)
    default: throw fail("'\\\(scalar)' is not supported")
    }
  }

  private mutating func characterClass() throws(RegexProgram.Failure) -> RegexSet {
    var result = RegexSet([])
    result.isNegated = take("^")
    var isFirst = true
    while let scalar = next, scalar != "]" || isFirst {
      isFirst = false
      if take("[:") {
        let isNegated = take("^")
        var name = ""
        while let letter = next, letter != ":" {
          name.unicodeScalars.append(letter)
          place += 1
        }
        guard take(":]"), let named = RegexSet.named(name) else { throw fail("bad class name") }
        result.ranges += (isNegated ? named.negated : named).plainRanges
        continue
      }
      let low = try classMember()
      // A '-' denotes a range unless it is the first or last character.
      guard low.isSingle, next == "-", place + 1 < scalars.count, scalars[place + 1] != "]" else {
        result.ranges += low.plainRanges
        continue
      }
      place += 1
      let high = try classMember()
      guard high.isSingle, high.ranges[0].lowerBound >= low.ranges[0].lowerBound else {
        throw fail("bad range")
      }
      result.ranges.append(low.ranges[0].lowerBound...high.ranges[0].lowerBound)
    }
    guard take("]") else { throw fail("missing ']'") }
    return result
  }

  private mutating func classMember() throws(RegexProgram.Failure) -> RegexSet {
    guard let scalar = next else { throw fail("missing ']'") }
    place += 1
    return scalar == "\\" ? try escapedSet() : RegexSet(scalar)
  }
}

extension RegexSet {
  fileprivate var isSingle: Bool {
    !isNegated && ranges.count == 1 && ranges[0].lowerBound == ranges[0].upperBound
  }
}
