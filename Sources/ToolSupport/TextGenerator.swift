import Glibc
import ONNX

/// A model that continues a text, by the contract of the models in `models/`: an input of tokens,
/// int64 or int32 `[N, T]`; states, each an input `NAME` with an output `NAME_out`; an output of
/// logits `[N, T, tokens]`; and in the metadata the vocabulary.
public struct TextGenerator: Sendable {
  public let vocabulary: Vocabulary
  private let session: Session
  private let tokensName: String
  private let logitsName: String
  private let elementType: ElementType
  private let stateNames: [String]

  /// - Throws: `Failure` for a model that is none of these.
  public init(_ model: Model, options: SessionOptions) throws(Failure) {
    guard let json = model.metadataValue(Vocabulary.metadataKey) else {
      throw Failure("the model has no metadata '\(Vocabulary.metadataKey)' with its tokens")
    }
    do { vocabulary = try Vocabulary(json: json) } catch {
      throw Failure("metadata '\(Vocabulary.metadataKey)'", error)
    }
    do { session = try Session(model, options: options) } catch { throw Failure("\(error)") }
    let outputs = Set(session.outputs.map(\.name))
    let states = session.inputs.filter { outputs.contains($0.name + "_out") }
    let others = session.inputs.filter { !outputs.contains($0.name + "_out") }
    guard others.count == 1, let tokens = others[0].type?.tensorType,
      [.int64, .int32].contains(tokens.elementType), tokens.shape?.rank ?? 2 == 2
    else {
      throw Failure(
        "expected one input of tokens, int64[N,T], and states NAME with outputs NAME_out, found "
          + Self.list(session.inputs))
    }
    let stateOutputs = Set(states.map { $0.name + "_out" })
    let results = session.outputs.filter { !stateOutputs.contains($0.name) }
    guard let logits = results.first(where: { $0.name == "logits" }) ?? results.first,
      results.count == 1 || logits.name == "logits"
    else {
      throw Failure("expected an output of logits, found \(Self.list(session.outputs))")
    }
    tokensName = others[0].name
    elementType = tokens.elementType
    stateNames = states.map(\.name)
    logitsName = logits.name
  }

  private static func list(_ values: [ValueInfo]) -> String {
    values.isEmpty
      ? "none"
      : values.prefix(8).map { "'\($0.name)' \($0.type?.description ?? "")" }
        .joined(separator: ", ")
  }

  /// States of zeros, for one text.
  /// - Throws: `Failure` for states that are no tensors of floating point, or too large.
  public func start() throws(Failure) -> [String: Tensor] {
    var states: [String: Tensor] = [:]
    for name in stateNames {
      let info = session.inputs.first { $0.name == name }
      guard let type = info?.type?.tensorType, let shape = type.shape,
        type.elementType == .float32 || type.elementType == .float64
      else {
        throw Failure(
          "expected the state '\(name)' to be float32 of known rank, found "
            + (info?.type?.description ?? "nothing"))
      }
      states[name] = try zeros(type.elementType, shape.map { $0.size ?? 1 }, name)
    }
    return states
  }

  private func zeros(
    _ type: ElementType, _ shape: [Int], _ name: String
  ) throws(Failure) -> Tensor {
    guard let count = shape.elementCount, count <= session.memoryLimit / 8 else {
      throw Failure("no memory for the state '\(name)' \(Shape(shape))")
    }
    do {
      let tensor = try Tensor(uninitialized: type, shape: shape)
      tensor.storage.pointer.initializeMemory(
        as: UInt8.self, repeating: 0, count: tensor.storage.byteCount)
      return tensor
    } catch { throw Failure("state '\(name)'", error) }
  }

  /// Reads tokens on from `states`, which it moves on.
  /// - Returns: the logits for the token that follows the last.
  /// - Throws: `Failure` where the run fails, or gives no logits for the vocabulary.
  public func read(
    _ tokens: [Int32], _ states: inout [String: Tensor]
  ) throws(Failure) -> [Double] {
    var inputs = states
    inputs[tokensName] =
      elementType == .int32
      ? Tensor(shape: [1, tokens.count], tokens)
      : Tensor(shape: [1, tokens.count], tokens.map { Int64($0) })
    let outputs: [String: Tensor]
    do { outputs = try session.run(inputs) } catch { throw Failure("\(error)") }
    for name in stateNames {
      guard let state = outputs[name + "_out"], state.type == states[name]?.type else {
        throw Failure(
          "expected the output '\(name)_out' to be \(states[name]?.description ?? "") as '\(name)' "
            + "is, found \(outputs[name + "_out"]?.description ?? "none")")
      }
      states[name] = state
    }
    guard let logits = outputs[logitsName] else {
      throw Failure("the output '\(logitsName)' is no tensor")
    }
    let count = vocabulary.count
    guard logits.shape == [1, tokens.count, count] || logits.shape == [1, count] else {
      throw Failure(
        "expected logits [1,\(tokens.count),\(count)] for \(count) tokens of the vocabulary, found "
          + "\(logits)")
    }
    let last: [Double]
    switch logits.elementType {
    case .float32: last = logits.elements(as: Float.self).suffix(count).map { Double($0) }
    case .float64: last = Array(logits.elements(as: Double.self).suffix(count))
    case .float16: last = logits.elements(as: Float16.self).suffix(count).map { Double($0) }
    default: throw Failure("expected logits of floating point, found \(logits)")
    }
    guard last.allSatisfy({ !$0.isNaN && $0 < .infinity }), last.contains(where: \.isFinite) else {
      throw Failure("the logits are not finite")
    }
    return last
  }

  /// Whether a model without states is shown the whole text at every step.
  public var hasStates: Bool { !stateNames.isEmpty }

  /// Draws a token.
  /// - Parameters:
  ///   - temperature: 0 for the most likely; the higher, the more even the chances
  public func draw(
    _ logits: [Double], temperature: Double, _ random: inout RandomStream
  ) -> Int {
    let never = [Vocabulary.padding, Vocabulary.unknown, Vocabulary.start]
      .compactMap(vocabulary.number)
    let candidates = logits.indices.filter { !never.contains($0) }
    guard let best = candidates.max(by: { logits[$0] < logits[$1] }) else { return 0 }
    guard temperature > 0 else { return best }
    let chances = candidates.map { exp((logits[$0] - logits[best]) / temperature) }
    var rest = random.uniform() * chances.reduce(0, +)
    for (candidate, chance) in zip(candidates, chances) {
      rest -= chance
      if rest < 0 { return candidate }
    }
    return best
  }
}
