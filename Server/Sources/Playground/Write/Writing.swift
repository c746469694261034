import Foundation
import ONNX
import Serving

/// A text that a model continues, with what it expects after each token.
struct Writing: Sendable {
  /// What the page asks for.
  struct Wish: Decodable, Sendable {
    let model: String
    let prompt: String
    let length: Int
    let temperature: Double
    let seed: UInt64
  }

  /// A token that was read or written.
  struct Step: Encodable, Sendable {
    let text: String
    let isPrompt: Bool
    /// The model's probability of this token before it was read; `nil` for the first.
    let probability: Double?
    /// The most likely next tokens, the likeliest first.
    let next: [Guess]
  }

  /// A token that may follow.
  struct Guess: Encodable, Sendable {
    let text: String
    /// The model's probability.
    let probability: Double
    /// The probability at the temperature of the text.
    let chance: Double
  }

  /// The end of a text.
  struct End: Encodable, Sendable {
    /// `length`, `end` for the vocabulary's end token, or `timeout`.
    let reason: String
    let written: Int
    let seconds: Double
  }

  private struct Failure: Encodable {
    let error: String
  }

  static let promptLimit = 2000
  static let lengthLimit = 2000
  static let guesses = 5
  /// The longest that a text may take, and that a client that does not read takes up a place.
  private static let timeout = Duration.seconds(60)

  private let wish: Wish
  private let prompt: [Int32]
  private var pen: Pen

  /// - Throws: `ServingError` for values out of range, and characters that the model does not know
  init(_ wish: Wish, _ model: LanguageModel) throws(ServingError) {
    guard (0...Self.lengthLimit).contains(wish.length) else {
      throw ServingError(
        .badRequest, "'length': expected 0 to \(Self.lengthLimit), found \(wish.length)")
    }
    guard (0...5).contains(wish.temperature) else {
      throw ServingError(.badRequest, "'temperature': expected 0 to 5, found \(wish.temperature)")
    }
    self.wish = wish
    prompt = try model.tokens(of: wish.prompt, limit: Self.promptLimit)
    do { pen = try Pen(model.generator, temperature: wish.temperature) } catch {
      throw ServingError(error)
    }
  }

  /// Reads the prompt, then writes. Equal seeds give the text of `TextGenerator.generate` with the
  /// stream `generate`, as `onnx-run generate` does.
  /// - Throws: an error once the client has gone away
  func send(to events: inout EventWriter, on place: WorkDesk.Place) async throws {
    let clock = ContinuousClock()
    let start = clock.now
    let end = start + Self.timeout
    let timer = Task {
      try await Task.sleep(for: Self.timeout)
      place.leave()
    }
    defer { timer.cancel() }
    var pen = pen
    var written = 0
    var reason = "length"
    /// Reads one token on another thread.
    func read(_ token: Int, isPrompt: Bool) async throws -> Step {
      let (next, step) = try await place.run { [pen] in
        var pen = pen
        let step = try pen.read(token, isPrompt: isPrompt)
        return (pen, step)
      }
      pen = next
      return step
    }
    do {
      if prompt.isEmpty { _ = try await read(pen.first, isPrompt: true) }
      for token in prompt {
        try await events.send("token", try await read(Int(token), isPrompt: true))
      }
      var random = RandomStream(seed: wish.seed, name: "generate")
      while written < wish.length {
        guard clock.now < end else {
          reason = "timeout"
          break
        }
        let token = pen.draw(&random)
        guard token != pen.end else {
          reason = "end"
          break
        }
        written += 1
        try await events.send("token", try await read(token, isPrompt: false))
      }
      let (seconds, parts) = (clock.now - start).components
      try await events.send(
        "end",
        End(reason: reason, written: written, seconds: Double(seconds) + Double(parts) / 1e18))
    } catch let error as ModelError {
      try await events.send("failure", Failure(error: "\(error)"))
    }
  }
}
