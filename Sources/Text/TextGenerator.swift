import Glibc
import ONNXFormat
import ONNXInterpreter
import ONNXSupport

/// A language model that continues a text.
///
/// The model has an input of tokens, int64 or int32 `[N, T]`; states, each an input `NAME` with an
/// output `NAME_out`; an output of logits `[N, T, tokens]` or, for the last token alone,
/// `[N, tokens]`; and its `Vocabulary` in the metadata.
public struct TextGenerator: Sendable {
  /// The tokens of the model.
  public let vocabulary: Vocabulary
  private let session: Session
  private let tokensName: String
  private let logitsName: String
  private let elementType: ElementType
  private let stateNames: [String]

  /// Prepares a language model.
  /// - Throws: `ModelError` for a model of another kind
  public init(_ model: Model, options: SessionOptions = SessionOptions()) throws(ModelError) {
    try self.init(try Session(model, options: options))
  }

  /// Uses a session of a language model.
  /// - Throws: `ModelError` for a model of another kind
  public init(_ session: Session) throws(ModelError) {
    let key = Vocabulary.metadataKey
    guard let json = session.metadata.first(where: { $0.key == key })?.value else {
      throw .graph("the model has no metadata '\(key)' with its tokens")
    }
    do { vocabulary = try Vocabulary(json: json) } catch {
      throw .graph("metadata '\(key)': \(error)")
    }
    self.session = session
    let states = session.states
    let others = session.inputs.filter { input in !states.contains { $0.name == input.name } }
    guard others.count == 1, let tokens = others[0].type?.tensorType,
      [.int64, .int32].contains(tokens.elementType), tokens.shape?.rank ?? 2 == 2
    else {
      throw .graph(
        "expected one input of tokens, int64[N,T], and states NAME with outputs NAME_out, found "
          + Self.list(session.inputs))
    }
    let results = session.results
    guard let logits = results.first(where: { $0.name == "logits" }) ?? results.first,
      results.count == 1 || logits.name == "logits"
    else {
      throw .graph("expected an output of logits, found \(Self.list(session.outputs))")
    }
    for state in states {
      guard let type = state.type?.tensorType, type.shape != nil,
        [.float32, .float64].contains(type.elementType)
      else {
        throw .graph(
          "expected the state '\(state.name)' to be float32 or float64 of known rank, found "
            + (state.type?.description ?? "no type"))
      }
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

  /// States of zeros for the start of a text.
  /// - Throws: `ModelError` for states beyond the memory limit
  public func start() throws(ModelError) -> [String: Tensor] { try session.zeroStates() }

  /// Reads tokens and advances the states.
  /// - Parameters:
  ///   - tokens: at least one
  ///   - states: by input name; replaced by the model's new states
  /// - Returns: the logits of the token that follows the last one
  /// - Throws: `ModelError` if the run fails, or returns no finite logits for the vocabulary
  public func read(
    _ tokens: [Int32], _ states: inout [String: Tensor]
  ) throws(ModelError) -> [Double] {
    var inputs = states
    inputs[tokensName] =
      elementType == .int32
      ? Tensor(shape: [1, tokens.count], tokens)
      : Tensor(shape: [1, tokens.count], tokens.map { Int64($0) })
    let outputs = try session.run(inputs)
    for name in stateNames {
      let output = stateOutput(name)
      guard let state = outputs[output], state.type == states[name]?.type else {
        throw .graph(
          "expected the output '\(output)' to have the type of '\(name)', "
            + "\(states[name]?.description ?? ""), found \(outputs[output]?.description ?? "none")")
      }
      states[name] = state
    }
    guard let logits = outputs[logitsName] else {
      throw .graph("the output '\(logitsName)' is not a tensor")
    }
    let count = vocabulary.count
    guard logits.shape == [1, tokens.count, count] || logits.shape == [1, count] else {
      throw .graph(
        "expected logits [1,\(tokens.count),\(count)] for the vocabulary of \(count) tokens, found "
          + "\(logits.type)")
    }
    let last: [Double]
    switch logits.elementType {
    case .float32: last = logits.elements(as: Float.self).suffix(count).map { Double($0) }
    case .float64: last = Array(logits.elements(as: Double.self).suffix(count))
    case .float16: last = logits.elements(as: Float16.self).suffix(count).map { Double($0) }
    default: throw .graph("expected floating-point logits, found \(logits.type)")
    }
    guard last.allSatisfy({ !$0.isNaN && $0 < .infinity }), last.contains(where: \.isFinite) else {
      throw .graph("the logits are not finite")
    }
    return last
  }

  /// Draws a token from the distribution that the logits describe.
  /// - Parameter temperature: divides the logits; 0 takes the most likely token
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

  /// Continues a text token by token, until the vocabulary's end token or `length` tokens.
  ///
  /// A model with states reads each token once. One without states reads the last 1024 tokens again
  /// for each new one.
  ///
  /// - Parameters:
  ///   - prompt: the tokens of the text so far; an empty prompt starts a text
  ///   - length: the most tokens to draw
  ///   - temperature: divides the logits; 0 takes the most likely token
  ///   - random: the source of the draws
  ///   - body: called with each token; returns whether to continue
  /// - Throws: `ModelError` if the model cannot be run
  public func generate(
    after prompt: [Int32], length: Int, temperature: Double, using random: inout RandomStream,
    _ body: (Int) -> Bool
  ) throws(ModelError) {
    var tokens = prompt
    if tokens.isEmpty {
      let first = vocabulary.number(of: Vocabulary.start) ?? vocabulary.number(of: "\n") ?? 0
      tokens = [Int32(clamping: first)]
    }
    let end = vocabulary.number(of: Vocabulary.end)
    var states = try start()
    var rest = tokens[...]
    for _ in 0..<length {
      var logits: [Double] = []
      while !rest.isEmpty {
        let part = stateNames.isEmpty ? rest : rest.prefix(256)
        logits = try read(Array(part), &states)
        rest = rest.dropFirst(part.count)
      }
      let token = draw(logits, temperature: temperature, &random)
      guard token != end, body(token) else { return }
      if stateNames.isEmpty {
        tokens = (tokens + [Int32(clamping: token)]).suffix(1024)
        rest = tokens[...]
      } else {
        rest = [Int32(clamping: token)]
      }
    }
  }
}
