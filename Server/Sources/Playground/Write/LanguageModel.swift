import Foundation
import ONNX
import ONNXExplain
import Serving

/// A language model of the folder, prepared to write and to be looked into.
struct LanguageModel: Sendable {
  /// A recurrent layer.
  struct Layer: Encodable, Sendable {
    let name: String
    /// `LSTM`, `GRU` or `RNN`.
    let kind: String
  }

  let served: ServedModel
  let generator: TextGenerator
  let layers: [Layer]
  /// The number of elements of all weights.
  let weights: Int
  private let model: Model
  private let options: SessionOptions

  /// Prepares a model.
  /// - Parameter timeout: the longest that each run may take
  /// - Throws: `ServingError` for a model that is no language model
  init(_ served: ServedModel, timeout: Duration) throws(ServingError) {
    self.served = served
    var options = SessionOptions()
    options.threads = 1
    options.timeLimit = timeout
    self.options = options
    do {
      model = try Model(contentsOf: served.path)
      generator = try TextGenerator(model, options: options)
    } catch {
      throw ServingError(.badRequest, "'\(served.name)' is no language model: \(error)")
    }
    layers = model.graph.nodes.filter { ["LSTM", "GRU", "RNN"].contains($0.operatorType) }.map {
      Layer(name: $0.name ?? $0.outputs.first ?? "", kind: $0.operatorType)
    }
    weights = model.graph.initializers.reduce(0) { $0 + $1.tensor.count }
  }

  /// Whether a model has the vocabulary that a language model needs.
  static func isCandidate(_ served: ServedModel) -> Bool {
    served.session.metadata.contains { $0.key == Vocabulary.metadataKey }
  }

  /// The tokens of a text.
  /// - Parameter limit: the most tokens
  /// - Throws: `ServingError` for characters that the model does not know, and for too many
  func tokens(of text: String, limit: Int) throws(ServingError) -> [Int32] {
    let tokens: [Int32]
    do { tokens = try generator.vocabulary.numbers(of: text) } catch {
      throw ServingError(.badRequest, "\(error)")
    }
    guard tokens.count <= limit else {
      throw ServingError(
        .badRequest, "expected a text of at most \(limit) characters, found \(tokens.count)")
    }
    return tokens
  }

  /// The pieces of text of tokens.
  func pieces(of tokens: [Int32]) -> [String] {
    var text = ""
    return tokens.map { token in
      let piece = generator.vocabulary.text(of: Int(token), after: text)
      text = String((text + piece).suffix(4))
      return piece
    }
  }

  /// The model with tokens to read, from states of zeros.
  /// - Throws: `ServingError` for no tokens, or work of more than `1e9` products
  func explained(_ tokens: [Int32]) throws(ServingError) -> ExplainedModel {
    guard !tokens.isEmpty else { throw ServingError(.badRequest, "the text is empty") }
    guard !layers.isEmpty else {
      throw ServingError(.badRequest, "'\(served.name)' has no recurrent layer")
    }
    let (work, isHuge) = tokens.count.multipliedReportingOverflow(by: weights)
    guard !isHuge, work <= 1_000_000_000 else {
      throw ServingError(
        .badRequest,
        "\(tokens.count) characters are too many for a model of \(weights) weights to look into")
    }
    var inputs: [String: Value]
    do { inputs = try generator.start().mapValues { .tensor($0) } } catch {
      throw ServingError(error)
    }
    for input in model.graph.inputs {
      guard let type = input.type?.tensorType, [.int32, .int64].contains(type.elementType) else {
        continue
      }
      inputs[input.name] = .tensor(
        type.elementType == .int32
          ? Tensor(shape: [1, tokens.count], tokens)
          : Tensor(shape: [1, tokens.count], tokens.map { Int64($0) }))
    }
    return ExplainedModel(model, inputs: inputs, options: options)
  }

  /// The gates and states of a layer while it reads tokens.
  func gates(of layer: String?, _ tokens: [Int32]) throws(ServingError) -> GateTrace {
    let explained = try explained(tokens)
    do { return try explained.gates(of: layer) } catch { throw .explaining(error) }
  }
}

extension ServingError {
  /// The answer to a model that cannot be explained.
  static func explaining(_ error: ExplainError) -> ServingError {
    if case .model(let error) = error { return ServingError(error) }
    return ServingError(.badRequest, "\(error)")
  }
}
