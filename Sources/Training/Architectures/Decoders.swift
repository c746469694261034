import ONNXFormat
import ONNXInterpreter

/// A decoder that writes tokens given a context `c`, `[N, C]`: a GRU whose input at every step is the
/// embedding of the previous token, concatenated with `c` (Cho and others, 2014):
/// ```
/// r = σ(Wr x + Ur h + Cr c)
/// z = σ(Wz x + Uz h + Cz c)
/// h' = (1 − z) ∘ tanh(W x + U (r ∘ h) + C c) + z ∘ h
/// ```
/// (`z` as in ONNX; the paper's is `1 − z`). The initial state is `tanh(V c)`.
struct ContextDecoder: Sendable {
  let vocabulary: Int
  let embedding: Int
  let hidden: Int

  /// Adds the decoder.
  /// - Parameters:
  ///   - tokens: The previous tokens, int64 `[N, U]`.
  ///   - context: The context, `[N, C]`.
  /// - Returns: The logits, `[N, U, vocabulary]`.
  func callAsFunction(
    _ tokens: Signal, _ context: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.scope("decoder") { m throws(ModelError) in
      let words = try Embedding(vocabulary, embedding).named("embedding")(tokens, in: m)
      // Adding zeros [N, U, 1] broadcasts the context to all steps.
      let zeros = try m.multiply(
        m.unsqueeze(m.cast(tokens, to: m.elementType), 2), m.scalar(0))
      let spread = try m.add(zeros, m.unsqueeze(context, 1))
      let first = try Sequential {
        Dense(hidden)
        Tanh()
      }.named("start")(context, in: m)
      let layer = GRU(hidden, resetsAfter: false)
      let result = try m.scope("gru") { m throws(ModelError) in
        try layer.run(
          m.concatenate([words, spread], axis: 2), h: m.unsqueeze(first, 0), in: m)
      }
      return try Dense(vocabulary).named("output")(result.sequence, in: m)
    }
  }
}

/// A translator of token sequences. Inputs are `source`, int64 `[N, T]`, and `target`, int64 `[N, U]`, the
/// tokens written so far. The output `logits`, `[N, U, targetVocabulary]`, predicts the token after each
/// of them. The context of the decoder is the encoder's last state.
///
/// To translate, run the model repeatedly and append the most likely next token to `target`.
package struct SequenceToSequence: Architecture {
  package var name: ArchitectureName { .seq2seq }
  package var sourceVocabulary: Int
  package var targetVocabulary: Int
  package var embedding = 32
  package var hidden = 128
  package init(sourceVocabulary: Int, targetVocabulary: Int) {
    self.sourceVocabulary = sourceVocabulary
    self.targetVocabulary = targetVocabulary
  }

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let source = try m.input("source", ["N", "T"], .int64)
    let target = try m.input("target", ["N", "U"], .int64)
    let encoder = Sequential {
      Embedding(sourceVocabulary, embedding).named("embedding")
      GRU(hidden, isBidirectional: true).last.named("gru")
    }
    let context = try encoder.named("encoder")(source, in: m)
    let decoder = ContextDecoder(
      vocabulary: targetVocabulary, embedding: embedding, hidden: hidden)
    try m.output(
      "logits", decoder(target, context, in: m), shape: ["N", "U", .size(targetVocabulary)])
  }
}

/// A model that describes pictures (similar to Vinyals and others, 2015). Inputs are `image`,
/// `[N, channels, height, width]` from 0 to 1, and `tokens`, int64 `[N, U]`, the words written so far. The
/// output `logits`, `[N, U, vocabulary]`, predicts the word after each of them. The context of the decoder
/// is computed by a small CNN.
package struct Caption: PictureModel {
  package var name: ArchitectureName { .caption }
  package var vocabulary: Int
  package var channels = 1
  package var height = 28
  package var width = 28
  /// The filters of each convolution. A pool after each halves the picture.
  package var filters = [16, 32]
  package var features = 64
  package var embedding = 32
  package var hidden = 128
  package init(vocabulary: Int) { self.vocabulary = vocabulary }

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let image = try picture(m)
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
    let context = try encoder.named("encoder")(image, in: m)
    let decoder = ContextDecoder(vocabulary: vocabulary, embedding: embedding, hidden: hidden)
    try m.output(
      "logits", decoder(tokens, context, in: m), shape: ["N", "U", .size(vocabulary)])
  }
}
