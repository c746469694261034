import Foundation
import ONNX

/// A model in the middle of a text.
struct Pen: Sendable {
  private let generator: TextGenerator
  private let temperature: Double
  /// Tokens that can be drawn.
  private let candidates: [Int]
  private var states: [String: Tensor]
  /// What a model without states reads again for each token.
  private var tokens: [Int32] = []
  private var logits: [Double] = []
  /// The last characters, which decide whether a space follows.
  private var text = ""

  /// The token that stands before an empty prompt.
  var first: Int {
    let vocabulary = generator.vocabulary
    return vocabulary.number(of: Vocabulary.start) ?? vocabulary.number(of: "\n") ?? 0
  }
  /// The token that ends a text, if the vocabulary has one.
  var end: Int? { generator.vocabulary.number(of: Vocabulary.end) }

  init(_ generator: TextGenerator, temperature: Double) throws(ModelError) {
    self.generator = generator
    self.temperature = temperature
    let never = [Vocabulary.padding, Vocabulary.unknown, Vocabulary.start]
      .compactMap(generator.vocabulary.number)
    candidates = (0..<generator.vocabulary.count).filter { !never.contains($0) }
    states = try generator.start()
  }

  /// Reads a token.
  mutating func read(_ token: Int, isPrompt: Bool) throws(ModelError) -> Writing.Step {
    let before = logits.isEmpty ? nil : probabilities(at: 1)[token]
    let number = Int32(clamping: token)
    if states.isEmpty {
      tokens = (tokens + [number]).suffix(1024)
      logits = try generator.read(tokens, &states)
    } else {
      logits = try generator.read([number], &states)
    }
    let piece = generator.vocabulary.text(of: token, after: text)
    text = String((text + piece).suffix(4))
    return Writing.Step(text: piece, isPrompt: isPrompt, probability: before, next: guesses())
  }

  /// Draws the next token.
  func draw(_ random: inout RandomStream) -> Int {
    generator.draw(logits, temperature: temperature, &random)
  }

  private func guesses() -> [Writing.Guess] {
    let likelihoods = probabilities(at: 1)
    let chances = probabilities(at: temperature)
    return candidates.sorted { logits[$0] > logits[$1] }.prefix(Writing.guesses).map { token in
      Writing.Guess(
        text: generator.vocabulary.text(of: token, after: text),
        probability: likelihoods[token], chance: chances[token])
    }
  }

  /// The probability of each token to be drawn; 0 for those that never are.
  private func probabilities(at temperature: Double) -> [Double] {
    var result = [Double](repeating: 0, count: logits.count)
    guard let best = candidates.max(by: { logits[$0] < logits[$1] }) else { return result }
    guard temperature > 0 else {
      result[best] = 1
      return result
    }
    for token in candidates { result[token] = exp((logits[token] - logits[best]) / temperature) }
    let sum = result.reduce(0, +)
    return result.map { $0 / sum }
  }
}
