import ONNXFormat
import ONNXOperators
import ONNXShape

/// Removes stop words and converts the others to lower or upper case. The result is one empty string if
/// none is left. The input is `[C]` or `[1, C]`.
struct StringNormalizer: Operator {
  static let schema = Schema("StringNormalizer", [10: .string], inputs: 1...1)

  enum CaseChange: String, CaseIterable { case none = "NONE", lower = "LOWER", upper = "UPPER" }

  let change: CaseChange
  let isCaseSensitive: Bool
  let stopWords: Set<[UInt8]>

  init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.choice(
      "case_change_action", default: "NONE", among: CaseChange.allCases.map(\.rawValue))
    change = CaseChange(rawValue: name) ?? .none
    isCaseSensitive = try node.flag("is_case_sensitive")
    // Case conversion follows Unicode in every locale.
    _ = try node.optionalString("locale")
    let words = try node.optionalStrings("stopwords") ?? []
    stopWords = Set(words.map { [isCaseSensitive] word in Self.key(word, isCaseSensitive) })
  }

  private static func key(_ word: String, _ isCaseSensitive: Bool) -> [UInt8] {
    Array((isCaseSensitive ? word : word.lowercased()).utf8)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard var shape = try inputs.tensor(0, .string).shape else { return [.tensor(.string, nil)] }
    guard shape.rank == 1 || (shape.rank == 2 && (shape[0].size ?? 1) == 1) else {
      throw .input(0, "expected shape [C] or [1,C], got \(shape)")
    }
    shape[shape.rank - 1] = .unknown
    return [.tensor(.string, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let data = try call.tensor(0)
      var words: [String] = []
      for word in data.elements(as: String.self)
      where stopWords.isEmpty || !stopWords.contains(Self.key(word, isCaseSensitive)) {
        switch change {
        case .none: words.append(word)
        case .lower: words.append(word.lowercased())
        case .upper: words.append(word.uppercased())
        }
      }
      if words.isEmpty { words = [""] }
      let result = try call.allocate(.string, data.shape.dropLast() + [words.count])
      let y = result.storage.pointer.assumingMemoryBound(to: String.self)
      for (index, word) in words.enumerated() { y[index] = word }
      return [.tensor(result)]
    }
  }
}
