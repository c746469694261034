import ONNXOperators
import ONNXShape

/// A regular expression as an automaton that reads a text once and follows all alternatives at the same
/// time. Its time is at most proportional to the length of the text times that of the program.
///
/// The supported syntax of RE2 is literals, classes (`[a-z]`, `[^…]`, `[[:alpha:]]`, `\d \s \w`), `.`,
/// groups, alternatives, `* + ? {m,n}`, the flags `i m s U`, and `^ $ \A \z \b \B`. Greedy or not, a
/// repetition does not change whether the whole text matches, nor the longest match that a search finds.
/// Unicode classes (`\pL`) and `\C` are not supported.
package struct RegexProgram: Sendable {
  enum Assertion: Sendable { case textStart, textEnd, lineStart, lineEnd, boundary, noBoundary }

  enum Instruction: Sendable {
    case scalar(RegexSet)
    case assert(Assertion)
    /// Continues at the next instruction and at another one.
    case split(Int)
    case jump(Int)
    case match
  }

  /// Why a pattern is refused.
  package struct Failure: Error { package let reason: String }

  /// The largest number of instructions.
  static let longest = 10_000

  private(set) var instructions: [Instruction] = []
  private var steps = 0

  /// Throws if the pattern is malformed, not supported or too long.
  package init(_ pattern: String) throws(Failure) {
    var parser = RegexParser(pattern)
    try emit(try parser.parse())
    try add(.match)
  }

  private mutating func add(_ instruction: Instruction) throws(Failure) {
    guard instructions.count < Self.longest else { throw Failure(reason: "is too complex") }
    instructions.append(instruction)
  }

  private mutating func emit(_ node: RegexNode) throws(Failure) {
    // Repetitions of empty expressions add no instructions, but take time.
    steps += 1
    guard steps < 10 * Self.longest else { throw Failure(reason: "is too complex") }
    switch node {
    case .set(let set): try add(.scalar(set))
    case .assert(let assertion): try add(.assert(assertion))
    case .sequence(let parts): for part in parts { try emit(part) }
    case .choice(let options):
      var jumps: [Int] = []
      for option in options.dropLast() {
        let split = instructions.count
        try add(.split(0))
        try emit(option)
        jumps.append(instructions.count)
        try add(.jump(0))
        instructions[split] = .split(instructions.count)
      }
      if let last = options.last { try emit(last) }
      for jump in jumps { instructions[jump] = .jump(instructions.count) }
    case .repetition(let body, let least, let most):
      for _ in 0..<least { try emit(body) }
      guard let most else {
        let split = instructions.count
        try add(.split(0))
        try emit(body)
        // Back to the split. An instruction is followed only once at a position, so empty loops end.
        try add(.jump(split))
        instructions[split] = .split(instructions.count)
        return
      }
      var splits: [Int] = []
      for _ in least..<max(most, least) {
        splits.append(instructions.count)
        try add(.split(0))
        try emit(body)
      }
      for split in splits { instructions[split] = .split(instructions.count) }
    }
  }

  /// Whether the whole text matches.
  func matches(_ text: String) -> Bool {
    var current = Threads(instructions.count)
    var next = Threads(instructions.count)
    var before: Unicode.Scalar?
    var scalars = text.unicodeScalars.makeIterator()
    var scalar = scalars.next()
    follow(0, &current, before, scalar)
    while let this = scalar, !Deadline.isPassed {
      if current.places.isEmpty { return false }
      let after = scalars.next()
      next.removeAll()
      for place in current.places {
        if case .scalar(let set) = instructions[place], set.contains(this) {
          follow(place + 1, &next, this, after)
        }
      }
      swap(&current, &next)
      before = this
      scalar = after
    }
    return current.places.contains { if case .match = instructions[$0] { true } else { false } }
  }

  /// Adds the instructions that are reached from one without reading a scalar.
  func follow(
    _ start: Int, _ threads: inout Threads, _ before: Unicode.Scalar?, _ after: Unicode.Scalar?
  ) {
    threads.open.append(start)
    while let place = threads.open.popLast() {
      guard threads.insert(place) else { continue }
      switch instructions[place] {
      case .split(let other):
        threads.open.append(other)
        threads.open.append(place + 1)
      case .jump(let other): threads.open.append(other)
      case .assert(let assertion):
        if assertion.holds(between: before, and: after) { threads.open.append(place + 1) }
      case .scalar, .match: threads.places.append(place)
      }
    }
  }

  struct Threads {
    /// The instructions that wait for a scalar or match.
    var places: [Int] = []
    var open: [Int] = []
    private var seen: [UInt32]
    private var round: UInt32 = 1

    init(_ count: Int) { seen = Array(repeating: 0, count: count) }

    mutating func insert(_ place: Int) -> Bool {
      if seen[place] == round { return false }
      seen[place] = round
      return true
    }

    mutating func removeAll() {
      places.removeAll(keepingCapacity: true)
      if round == .max {
        for index in seen.indices { seen[index] = 0 }
        round = 0
      }
      round += 1
    }
  }
}

extension RegexProgram.Assertion {
  func holds(between before: Unicode.Scalar?, and after: Unicode.Scalar?) -> Bool {
    switch self {
    case .textStart: before == nil
    case .textEnd: after == nil
    case .lineStart: before == nil || before == "\n"
    case .lineEnd: after == nil || after == "\n"
    case .boundary: isWord(before) != isWord(after)
    case .noBoundary: isWord(before) == isWord(after)
    }
  }

  private func isWord(_ scalar: Unicode.Scalar?) -> Bool {
    scalar.map { RegexSet.word.contains($0) } ?? false
  }
}

/// A regular expression as a tree.
indirect enum RegexNode {
  case set(RegexSet)
  case assert(RegexProgram.Assertion)
  case sequence([RegexNode])
  case choice([RegexNode])
  case repetition(RegexNode, least: Int, most: Int?)
}

/// A set of Unicode scalars.
struct RegexSet: Sendable {
  var ranges: [ClosedRange<UInt32>]
  var isNegated = false
  var ignoresCase = false

  init(_ ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }
  init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    var found = holds(scalar.value)
    if !found, ignoresCase {
      let properties = scalar.properties
      let variants = [properties.lowercaseMapping, properties.uppercaseMapping]
      found = variants.contains { variant in
        let scalars = variant.unicodeScalars
        return scalars.count == 1 && scalars.allSatisfy { holds($0.value) }
      }
    }
    return found != isNegated
  }

  private func holds(_ value: UInt32) -> Bool { ranges.contains { $0.contains(value) } }

  /// The ranges of the set, after negation.
  var plainRanges: [ClosedRange<UInt32>] {
    guard isNegated else { return ranges }
    var result: [ClosedRange<UInt32>] = []
    var start: UInt32 = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > start { result.append(start...range.lowerBound - 1) }
      start = max(start, range.upperBound + 1)
    }
    if start <= 0x10FFFF { result.append(start...0x10FFFF) }
    return result
  }

  var negated: RegexSet {
    var copy = self
    copy.isNegated.toggle()
    return copy
  }

  static let digit = RegexSet([0x30...0x39])
  static let space = RegexSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])
  static let word = RegexSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])

  /// The set with a name, such as `alpha` in `[[:alpha:]]`.
  static func named(_ name: String) -> RegexSet? {
    let ranges: [ClosedRange<UInt32>]? =
      switch name {
      case "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A]
      case "alpha": [0x41...0x5A, 0x61...0x7A]
      case "ascii": [0...0x7F]
      case "blank": [0x09...0x09, 0x20...0x20]
      case "cntrl": [0...0x1F, 0x7F...0x7F]
      case "digit": [0x30...0x39]
      case "graph": [0x21...0x7E]
      case "lower": [0x61...0x7A]
      case "print": [0x20...0x7E]
      case "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]
      case "space": [0x09...0x0D, 0x20...0x20]
      case "upper": [0x41...0x5A]
      case "word": [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
      case "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66]
      default: nil
      }
    return ranges.map(RegexSet.init)
  }
}
