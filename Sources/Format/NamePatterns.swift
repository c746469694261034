/// A list of patterns for names, in which `*` stands for any characters and `?` for one.
public struct NamePatterns: Sendable {
  /// The patterns, as given.
  public let texts: [String]
  private let patterns: [[Character]]

  /// A list of patterns.
  /// - Parameter patterns: patterns that must match a whole name
  public init(_ patterns: [String]) {
    texts = patterns
    self.patterns = patterns.map(Array.init)
  }

  /// The patterns that match none of the names.
  public func unmatched(by names: some Collection<String>) -> [String] {
    texts.filter { text in
      let pattern = NamePatterns([text])
      return !names.contains(where: pattern.contains)
    }
  }

  /// Whether one of the patterns matches a name.
  public func contains(_ name: String) -> Bool {
    let name = Array(name)
    return patterns.contains { Self.matches($0[...], name[...]) }
  }

  private static func matches(_ pattern: ArraySlice<Character>, _ name: ArraySlice<Character>)
    -> Bool
  {
    // The position of the last star, and the end of what it matches so far.
    var (p, n) = (pattern.startIndex, name.startIndex)
    var star: (pattern: Int, name: Int)?
    while n < name.endIndex {
      if p < pattern.endIndex, pattern[p] == "*" {
        star = (p, n)
        p += 1
      } else if p < pattern.endIndex, pattern[p] == name[n] || pattern[p] == "?" {
        p += 1
        n += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        p = last.pattern + 1
        n = last.name + 1
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == "*" }
  }
}
