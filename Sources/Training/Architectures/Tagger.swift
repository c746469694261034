import ONNXFormat
import ONNXInterpreter

/// A tagger of words: a linear-chain conditional random field over a bidirectional LSTM (Huang, Xu and
/// Yu, "Bidirectional LSTM-CRF models for sequence tagging", 2015).
///
/// Inputs are `tokens`, int64 `[N, T]` padded with 0, `lengths`, int32 `[N]`, and with features of the
/// words `suffixes` and `shapes`, int64 `[N, T]`. Outputs are `tags`, int64 `[N, T]`, −1 past the end of
/// a sequence, `emissions`, `[N, T, tags]`, and with the chain `scores`, `[N]`, those of the tags.
package struct Tagger: Architecture {
  package var name: ArchitectureName { .tagger }
  package var vocabulary: Int
  package var tags: Int
  package var embedding = 100
  package var hidden = 100
  package var dropout = 0.5
  /// The number of suffixes; `nil` for a model without features of words.
  package var suffixes: Int?
  /// Whether tags are chosen together by a chain, rather than each by its own emissions.
  package var hasChain = true

  /// The names of the chain's values.
  package static let chain = LinearChainNames(scope: "crf", decoded: "tags")

  package init(vocabulary: Int, tags: Int) {
    self.vocabulary = vocabulary
    self.tags = tags
  }

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let tokens = try m.input("tokens", ["N", "T"], .int64)
    let lengths = try m.input("lengths", ["N"], .int32)
    var parts = [
      try Embedding(vocabulary, embedding, padding: 0).named("embedding")(tokens, in: m)
    ]
    if let suffixes {
      for (name, count, size) in [("suffixes", suffixes, 30), ("shapes", WordShape.count, 10)] {
        let numbers = try m.input(name, ["N", "T"], .int64)
        parts.append(try Embedding(count, size, padding: 0).named(name)(numbers, in: m))
      }
    }
    func dropped(_ x: Signal) throws(ModelError) -> Signal {
      dropout > 0 ? try Dropout(dropout)(x, in: m) : x
    }
    let words = try dropped(m.concatenate(parts, axis: 2))
    let states = try m.scope("lstm") { m throws(ModelError) in
      try LSTM(hidden, isBidirectional: true).run(words, lengths: lengths, in: m).sequence
    }
    let emissions = try Dense(tags).named("output")(dropped(states), in: m)
    let chosen: Signal
    var scores: Signal?
    if hasChain {
      (chosen, scores) = try m.scope("crf") { m throws(ModelError) in
        try LinearChain().decode(emissions, lengths: lengths, in: m)
      }
    } else {
      let best = try m.node("ArgMax", [emissions], [.int("axis", 2), .int("keepdims", 0)])
      chosen = try m.padded(best, m.isInside(emissions, lengths: lengths))
    }
    try m.output("tags", chosen, shape: ["N", "T"])
    try m.output("emissions", emissions, shape: ["N", "T", .size(tags)])
    if let scores { try m.output("scores", scores, shape: ["N"]) }
  }
}

/// The shape of a word: which letters and digits it has. The numbers are classes of the input `shapes`;
/// 0 is padding.
package enum WordShape: Int, CaseIterable {
  case lower = 1, capitalized, upper, mixed, digits, marks

  /// The number of classes, with padding.
  static var count: Int { allCases.count + 1 }

  /// The shape of a word.
  package init(_ word: String) {
    let scalars = word.unicodeScalars
    let letters = scalars.filter(\.properties.isAlphabetic)
    let capitals = letters.filter(\.properties.isUppercase).count
    if scalars.contains(where: { $0.properties.numericType != nil }) {
      self = .digits
    } else if letters.isEmpty {
      self = .marks
    } else if capitals == 0 {
      self = .lower
    } else if capitals == letters.count, letters.count > 1 {
      self = .upper
    } else if capitals == 1, scalars.first?.properties.isUppercase == true {
      self = .capitalized
    } else {
      self = .mixed
    }
  }
}
