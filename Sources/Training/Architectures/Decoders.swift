import ONNXFormat
import ONNXInterpreter

/// Writes a sequence of tokens about a context `c`, `[N, C]`: a GRU whose input at every step is the
/// token before with `c` appended (Cho and others, 2014):
/// ```
/// r = σ(Wr x + Ur h + Cr c)
/// z = σ(Wz x + Uz h + Cz c)
/// h' = (1 − z) ∘ tanh(W x + U (r ∘ h) + C c) + z ∘ h
/// ```
/// (the standard's `z`; the paper's is `1 − z`). The first state is `tanh(V c)`.
struct ContextDecoder: Sendable {
  let vocabulary: Int
  let embedding: Int
  let hidden: Int

  /// - Parameters:
  ///   - tokens: int64 `[N, U]`
  ///   - context: `[N, C]`
  /// - Returns: logits `[N, U, vocabulary]`.
  func callAsFunction(
    _ tokens: Signal, _ context: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.scope("decoder") { m throws(ModelError) in
      let words = try Embedding(vocabulary, embedding).named("embedding")(tokens, in: &m)
      // [N, U, 1] of zeros spreads the context over the steps.
      let zeros = try m.multiply(
        m.unsqueeze(m.cast(tokens, to: m.elementType), 2), m.scalar(0))
      let spread = try m.add(zeros, m.unsqueeze(context, 1))
      let first = try Sequential {
        Dense(hidden)
        Tanh()
      }.named("start")(context, in: &m)
      let layer = GRU(hidden, resetsAfter: false)
      let result = try m.scope("gru") { m throws(ModelError) in
        try layer.run(
          m.concatenate([words, spread], axis: 2), h: m.unsqueeze(first, 0), in: &m)
      }
      return try Dense(vocabulary).named("output")(result.sequence, in: &m)
    }
  }
}

/// Turns one sequence of tokens into another: `source`, int64 `[N, T]`, and `target`, int64
/// `[N, U]`, the tokens before those wanted, become `logits`, `[N, U, targetVocabulary]`, for the
/// token after each. The encoder's last states are the context of the decoder.
///
/// To write, run it on the tokens written so far and append the likeliest next one.
public struct SequenceToSequence: Architecture {
  public static let name = "seq2seq"
  public var sourceVocabulary: Int
  public var targetVocabulary: Int
  public var embedding = 32
  public var hidden = 128
  public init(sourceVocabulary: Int, targetVocabulary: Int) {
    self.sourceVocabulary = sourceVocabulary
    self.targetVocabulary = targetVocabulary
  }

  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let source = try m.input("source", ["N", "T"], .int64)
    let target = try m.input("target", ["N", "U"], .int64)
    let encoder = Sequential {
      Embedding(sourceVocabulary, embedding).named("embedding")
      GRU(hidden, isBidirectional: true).last.named("gru")
    }
    let context = try encoder.named("encoder")(source, in: &m)
    let decoder = ContextDecoder(
      vocabulary: targetVocabulary, embedding: embedding, hidden: hidden)
    try m.output(
      "logits", decoder(target, context, in: &m), shape: ["N", "U", .size(targetVocabulary)])
  }
}

/// Describes pictures in words (in the manner of Vinyals and others, 2015): `image`,
/// `[N, channels, height, width]` with pixels from 0 to 1, and `tokens`, int64 `[N, U]`, the words
/// before those wanted, become `logits`, `[N, U, vocabulary]`. The features that a small CNN finds are
/// the decoder's context.
public struct Caption: Architecture {
  public static let name = "caption"
  public var vocabulary: Int
  public var channels = 1
  public var height = 28
  public var width = 28
  /// Filters of each convolution; each is followed by a pool that halves the picture.
  public var filters = [16, 32]
  public var features = 64
  public var embedding = 32
  public var hidden = 128
  public init(vocabulary: Int) { self.vocabulary = vocabulary }

  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let image = try m.input(
      "image", ["N", .size(channels), .size(height), .size(width)])
    let tokens = try m.input("tokens", ["N", "U"], .int64)
    let encoder = Sequential {
      for count in filters {
        Conv2D(count, 3, padding: 1)
        Relu()
        MaxPool2D(2)
      }
      Flatten()
      Dense(features)
      Tanh()
    }
    let context = try encoder.named("encoder")(image, in: &m)
    let decoder = ContextDecoder(vocabulary: vocabulary, embedding: embedding, hidden: hidden)
    try m.output(
      "logits", decoder(tokens, context, in: &m), shape: ["N", "U", .size(vocabulary)])
  }
}
