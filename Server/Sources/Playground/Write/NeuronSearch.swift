import ONNXExplain
import Serving

/// The units of all layers whose state follows a feature of a text best.
struct NeuronSearch: Encodable, Sendable {
  /// What the page asks for.
  struct Wish: Decodable, Sendable {
    let model: String
    let text: String
    let feature: TextFeature
    /// The text that the reader marked, for the feature `substring`.
    let substring: String?
  }

  /// A unit and how closely its state follows the feature.
  struct Unit: Encodable, Sendable {
    let layer: String
    let letter: String
    let part: String
    let unit: Int
    /// The correlation in the first half of the text, by which the units are ranked.
    let first: Double
    /// The correlation in the second half, which had no part in the choice.
    let second: Double
    /// The state at each character, `[T]`.
    let values: Values
  }

  /// How well the best unit follows the feature, by its correlation in the second half.
  enum Verdict: String, Encodable, Sendable {
    /// At least 0.6.
    case follows
    /// At least 0.3.
    case partly
    /// Less, or with the other sign than in the first half.
    case none

    init(first: Double, second: Double) {
      let agreement = first < 0 ? -second : second
      self = agreement >= 0.6 ? .follows : agreement >= 0.3 ? .partly : .none
    }
  }

  /// The fewest and the most characters.
  static let limits = 40...2000
  private static let ranked = 10

  let pieces: [String]
  /// The feature at each character.
  let feature: [Double]
  /// The first character of the second half.
  let half: Int
  /// The number of states that were compared.
  let candidates: Int
  let units: [Unit]
  let verdict: Verdict

  /// - Throws: `ServingError` for a text that is too short, too long or not of the vocabulary, or that
  ///   has nothing to follow
  init(_ wish: Wish, _ model: LanguageModel) throws(ServingError) {
    let tokens = try model.tokens(of: wish.text, limit: Self.limits.upperBound)
    guard tokens.count >= Self.limits.lowerBound else {
      throw ServingError(
        .badRequest,
        "expected a text of at least \(Self.limits.lowerBound) characters, found \(tokens.count)")
    }
    let pieces = model.pieces(of: tokens)
    let feature = wish.feature.values(pieces, substring: wish.substring ?? "")
    let half = tokens.count / 2
    try Self.check(feature, half, wish)
    var found: [Unit] = []
    var candidates = 0
    for layer in model.layers {
      let trace = try model.gates(of: layer.name, tokens)
      for part in trace.parts where ["C", "H"].contains(part.letter) {
        candidates += trace.units
        found += Self.best(part, of: trace, feature, half)
      }
    }
    self.pieces = pieces
    self.feature = feature
    self.half = half
    self.candidates = candidates
    units = Array(found.sorted { abs($0.first) > abs($1.first) }.prefix(Self.ranked))
    verdict = units.first.map { Verdict(first: $0.first, second: $0.second) } ?? .none
  }

  private static func check(
    _ feature: [Double], _ half: Int, _ wish: Wish
  ) throws(ServingError) {
    for (name, part) in [("first", feature[..<half]), ("second", feature[half...])] {
      guard part.contains(where: { $0 != part[part.startIndex] }) else {
        throw ServingError(
          .badRequest,
          "the feature '\(wish.feature.rawValue)' is the same throughout the \(name) half of the "
            + "text: choose a longer text, or another feature")
      }
    }
  }

  private static func best(
    _ part: GateTrace.Part, of trace: GateTrace, _ feature: [Double], _ half: Int
  ) -> [Unit] {
    func all(_ steps: Range<Int>) -> [Double] {
      correlations(part.values, units: trace.units, with: feature, steps)
    }
    let (first, second) = (all(0..<half), all(half..<trace.steps))
    return first.indices.sorted { abs(first[$0]) > abs(first[$1]) }.prefix(ranked).map { unit in
      let values = (0..<trace.steps).map { part.values[$0 * trace.units + unit] }
      return Unit(
        layer: trace.node, letter: part.letter, part: part.name, unit: unit, first: first[unit],
        second: second[unit], values: Values(shape: [trace.steps], values))
    }
  }

  /// Pearson's correlation of each unit with a feature.
  /// - Parameters:
  ///   - values: `[T, units]`
  ///   - feature: `[T]`
  ///   - steps: those that count
  /// - Returns: one for each unit; 0 for one that does not change
  static func correlations(
    _ values: [Float], units: Int, with feature: [Double], _ steps: Range<Int>
  ) -> [Double] {
    let count = Double(steps.count)
    let mean = steps.reduce(0) { $0 + feature[$1] } / count
    let spread = steps.reduce(0) { $0 + (feature[$1] - mean) * (feature[$1] - mean) }
    return (0..<units).map { unit in
      var (sum, squares, products) = (0.0, 0.0, 0.0)
      for step in steps {
        let value = Double(values[step * units + unit])
        sum += value
        squares += value * value
        products += value * (feature[step] - mean)
      }
      let variance = squares - sum * sum / count
      guard variance > 1e-9 * squares, spread > 0 else { return 0 }
      return products / (variance * spread).squareRoot()
    }
  }
}
