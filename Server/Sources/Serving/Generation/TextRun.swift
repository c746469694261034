import ONNX

/// A text that is being written, some tokens at a time.
struct TextRun: Sendable {
  /// Why a text ends.
  enum Finish: String, Sendable {
    /// It has the length that was asked for.
    case length
    /// It contains a text that ends it.
    case stop
    /// The model wrote its last token.
    case end
    /// The server is stopping.
    case shutdown
  }

  /// A model with states reads so many tokens at once.
  private static let tokensPerRead = 256
  /// A model without states reads so many tokens again for each new one.
  private static let longestContext = 1024
  private static let tokensPerSlice = 16
  private static let timePerSlice = Duration.milliseconds(5)

  /// The tokens of the prompt.
  let promptCount: Int
  private(set) var state: TextState
  private(set) var finish: Finish?
  /// How many tokens were written.
  private(set) var count = 0
  private let generator: TextGenerator
  private let settings: GenerationSettings
  private let isStateless: Bool
  private var random: RandomStream
  /// The last characters, which decide whether a space follows.
  private var last = ""
  /// The end of the text that may be the beginning of a text that ends it.
  private var held = ""

  /// - Throws: `ServingError` for a prompt with unknown or too many tokens
  init(
    _ generator: TextGenerator, _ settings: GenerationSettings, prompt: String,
    after state: TextState?, limit: Int
  ) throws(ServingError) {
    let vocabulary = generator.vocabulary
    let tokens: [Int32]
    do { tokens = try vocabulary.numbers(of: prompt) } catch {
      throw ServingError(.badRequest, "text_input: \(error)")
    }
    guard tokens.count <= limit else {
      throw ServingError(
        .badRequest, "text_input: expected at most \(limit) tokens, found \(tokens.count)")
    }
    if let state {
      self.state = state
    } else {
      do { self.state = TextState(states: try generator.start(), unread: []) } catch {
        throw ServingError(error)
      }
    }
    self.generator = generator
    self.settings = settings
    promptCount = tokens.count
    isStateless = self.state.states.isEmpty
    random = RandomStream(seed: settings.seed)
    last = String(prompt.suffix(4))
    self.state.unread += tokens
    if self.state.unread.isEmpty {
      let first = vocabulary.number(of: Vocabulary.start) ?? vocabulary.number(of: "\n") ?? 0
      self.state.unread = [Int32(clamping: first)]
    }
    if isStateless { self.state.unread = self.state.unread.suffix(Self.longestContext) }
  }

  /// Writes some tokens, for a few milliseconds.
  /// - Returns: the text of each
  /// - Throws: `ModelError` if the model cannot be run
  mutating func slice() throws(ModelError) -> [String] {
    let end = ContinuousClock.now + Self.timePerSlice
    var texts: [String] = []
    repeat {
      let part = isStateless ? state.unread[...] : state.unread.prefix(Self.tokensPerRead)
      let logits = try generator.read(Array(part), &state.states)
      if !isStateless { state.unread.removeFirst(part.count) }
      if isStateless || state.unread.isEmpty {
        let token = generator.draw(logits, temperature: settings.temperature, &random)
        state.unread = (state.unread + [Int32(clamping: token)]).suffix(Self.longestContext)
        texts.append(write(token))
      }
    } while finish == nil && texts.count < Self.tokensPerSlice && ContinuousClock.now < end
    return texts
  }

  /// Ends the text before its length.
  /// - Returns: the text that was held back
  mutating func stop() -> String {
    finish = finish ?? .shutdown
    defer { held = "" }
    return held
  }

  /// Adds a token to the text.
  /// - Returns: the text that can be sent
  private mutating func write(_ token: Int) -> String {
    var ready = held
    held = ""
    if token == generator.vocabulary.number(of: Vocabulary.end) {
      finish = .end
      return ready
    }
    count += 1
    let added = generator.vocabulary.text(of: token, after: last)
    last = String((last + added).suffix(4))
    ready += added
    let stops = settings.stops.compactMap { ready.firstRange(of: $0)?.lowerBound }
    if let stop = stops.min() {
      finish = .stop
      return String(ready[..<stop])
    }
    if count >= settings.length {
      finish = .length
      return ready
    }
    let kept = ready.indices.first { index in
      settings.stops.contains { $0.hasPrefix(ready[index...]) }
    }
    if let kept {
      held = String(ready[kept...])
      ready = String(ready[..<kept])
    }
    return ready
  }
}
