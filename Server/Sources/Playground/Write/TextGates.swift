import ONNXExplain
import Serving

/// The gates and states of all units of a layer while it reads a text.
struct TextGates: Encodable, Sendable {
  /// What the page asks for.
  struct Wish: Decodable, Sendable {
    let model: String
    let text: String
    /// The name of the layer; the first for `nil`.
    let layer: String?
  }

  /// A gate or state.
  struct Part: Encodable, Sendable {
    let letter: String
    let name: String
    /// `[T, units]`
    let values: Values
  }

  /// The most characters.
  static let limit = 500
  /// The most values of all gates.
  private static let valueLimit = 4 << 20

  let layer: String
  let kind: String
  let units: Int
  let pieces: [String]
  let parts: [Part]

  /// - Throws: `ServingError` for an unknown layer, or a text that is too long or not of the vocabulary
  init(_ wish: Wish, _ model: LanguageModel) throws(ServingError) {
    let tokens = try model.tokens(of: wish.text, limit: Self.limit)
    let trace = try model.gates(of: wish.layer, tokens)
    guard trace.steps * trace.units * trace.parts.count <= Self.valueLimit else {
      throw ServingError(
        .badRequest, "\(trace.steps) steps of \(trace.units) units are too many to show")
    }
    layer = trace.node
    kind = trace.operatorType
    units = trace.units
    pieces = model.pieces(of: tokens)
    parts = trace.parts.map { part in
      Part(
        letter: part.letter, name: part.name,
        values: Values(shape: [trace.steps, trace.units], part.values))
    }
  }
}
