import ONNXExplain
import Serving

/// How much the prediction after a text depends on each of its characters.
struct TextSensitivity: Encodable, Sendable {
  /// What the page asks for.
  struct Wish: Decodable, Sendable {
    let model: String
    let text: String
  }

  /// The most characters.
  static let limit = 400

  /// The first recurrent layer, whose input the gradient is taken by.
  let layer: String
  let kind: String
  let pieces: [String]
  /// The token that the model expects next.
  let next: String
  /// The Euclidean norm of the gradient of its score by each input, `[T]`.
  let values: Values

  /// - Throws: `ServingError` for a text that is too long or not of the vocabulary
  init(_ wish: Wish, _ model: LanguageModel) throws(ServingError) {
    let tokens = try model.tokens(of: wish.text, limit: Self.limit)
    let explained = try model.explained(tokens)
    let found: Sensitivity
    do { found = try explained.sensitivity(steps: tokens.count - 1..<tokens.count) } catch {
      throw .explaining(error)
    }
    layer = found.node
    kind = model.layers.first?.kind ?? ""
    pieces = model.pieces(of: tokens)
    next = found.best.last?.name ?? ""
    values = Values(shape: [found.columns], found.values)
  }
}
