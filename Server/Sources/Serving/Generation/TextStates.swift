import ONNX
import Synchronization

/// Where a text can be continued.
struct TextState: Sendable {
  /// The model's states.
  var states: [String: Tensor]
  /// The tokens that the model has not read. A model without states reads its last tokens again.
  var unread: [Int32]

  var bytes: Int {
    states.values.reduce(unread.count * 4) { $0 + $1.count * $1.elementType.stride }
  }
}

/// The states of texts between requests. They are forgotten after a time without use, and the least
/// recently used ones when there are too many.
final class TextStates: Sendable {
  private struct Entry {
    weak var model: ServedModel?
    /// `nil` while a request continues the text.
    var state: TextState?
    var lastUse: ContinuousClock.Instant
  }

  private struct State {
    var entries: [String: Entry] = [:]
    /// The texts that are being written.
    var active = 0
  }

  private let options: ServerOptions
  private let state = Mutex(State())

  init(_ options: ServerOptions) { self.options = options }

  /// The texts that are kept.
  var count: Int {
    state.withLock { state in
      forget(&state.entries)
      return state.entries.count
    }
  }

  /// Begins to write a text.
  /// - Parameter session: the identifier of a text to continue; `new` for one that can be continued
  /// - Throws: `ServingError`: status 404 for a text that is not kept, 409 for one that another request
  ///   continues, 429 where too many texts are being written
  func begin(_ session: String?, for model: ServedModel) throws(ServingError) -> TextLease {
    let known: Result<TextState?, ServingError> = state.withLock { state in
      forget(&state.entries)
      guard state.active < options.maxQueue else {
        return .failure(
          ServingError(
            .tooManyRequests, "\(options.maxQueue) texts are being written; try again later",
            retryAfter: 1))
      }
      var known: TextState?
      if let session, session != "new" {
        guard let entry = state.entries[session], entry.model === model else {
          return .failure(
            ServingError(
              .notFound,
              "the session is not known: it was forgotten, or is not one of the model "
                + "'\(model.name)' as it is loaded now"))
        }
        guard let kept = entry.state else {
          return .failure(ServingError(.conflict, "another request continues the session"))
        }
        known = kept
        state.entries[session]?.state = nil
      }
      state.active += 1
      return .success(known)
    }
    return TextLease(self, model, session, try known.get())
  }

  /// Ends the writing of a text.
  /// - Parameter kept: the state for the next request
  fileprivate func end(_ identifier: String?, _ kept: TextState?, _ model: ServedModel) {
    state.withLock { state in
      state.active -= 1
      guard let identifier, let kept else { return }
      state.entries[identifier] = Entry(model: model, state: kept, lastUse: .now)
      forget(&state.entries)
    }
  }

  private func forget(_ entries: inout [String: Entry]) {
    let oldest = ContinuousClock.now - options.stateLifetime
    entries = entries.filter { _, entry in
      entry.state == nil || entry.model != nil && entry.lastUse > oldest
    }
    var bytes = entries.values.reduce(0) { $0 + ($1.state?.bytes ?? 0) }
    while entries.count > options.maxStates || bytes > options.maxStateBytes {
      let idle = entries.filter { $0.value.state != nil }
      guard let last = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
      bytes -= last.value.state?.bytes ?? 0
      entries[last.key] = nil
    }
  }
}

/// The right to write a text. It ends with `end()`, or when nobody holds it any more.
final class TextLease: Sendable {
  private struct State {
    var text: TextState?
    var isKept: Bool
    var hasEnded = false
  }

  /// The identifier by which later requests continue the text.
  let identifier: String?
  private let texts: TextStates
  private let model: ServedModel
  private let state: Mutex<State>

  fileprivate init(
    _ texts: TextStates, _ model: ServedModel, _ session: String?, _ text: TextState?
  ) {
    self.texts = texts
    self.model = model
    identifier = session == "new" ? Self.newIdentifier() : session
    state = Mutex(State(text: text, isKept: session != "new"))
  }

  deinit { end() }

  /// Where the text is.
  var text: TextState? {
    get { state.withLock { $0.text } }
    set { state.withLock { $0.text = newValue } }
  }

  /// Keeps a new text from now on: its identifier is about to be sent.
  func keep() { state.withLock { $0.isKept = true } }

  /// Gives the text back.
  func end() {
    let (isFirst, kept) = state.withLock { state in
      defer { state.hasEnded = true }
      return (!state.hasEnded, state.isKept ? state.text : nil)
    }
    if isFirst { texts.end(identifier, kept, model) }
  }

  /// An identifier that nobody can guess.
  private static func newIdentifier() -> String {
    var random = SystemRandomNumberGenerator()
    return (0..<2).map { _ in
      let digits = String(random.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
