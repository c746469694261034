import ONNXFormat
import ONNXInterpreter

/// The sentence classifier CNN-rand of Kim, "Convolutional neural networks for sentence classification"
/// (2014): convolutions over 3, 4 and 5 words, max pooling over time, dropout, a linear layer. The input
/// is `tokens`, int64 `[N, T]` padded with 0, the output `logits`, `[N, classes]`.
package struct TextCNN: Architecture {
  package var name: ArchitectureName { .textCNN }
  package var vocabulary: Int
  package var classes = 2
  package var embedding = 300
  package var windows = [3, 4, 5]
  /// The number of feature maps per window.
  package var maps = 100
  package var dropout = 0.5
  /// The dropout ratio of the embeddings.
  package var embeddingDropout = 0.0
  package init(vocabulary: Int) { self.vocabulary = vocabulary }

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let tokens = try m.input("tokens", ["N", "T"], .int64)
    // As in Kim's code: ±0.25 has about the variance of the word2vec vectors of his other models.
    let table = Embedding(vocabulary, embedding, padding: 0, weight: .uniform(-0.25, 0.25))
    var words = try table.named("embedding")(tokens, in: m)
    if embeddingDropout > 0 { words = try Dropout(embeddingDropout)(words, in: m) }
    let net = Sequential {
      Parallel {
        for window in windows {
          Sequential {
            // A window of padding on both sides makes the result independent of the batch's padding.
            Conv1D(maps, .all(window), padding: .both(.all(window))).named("conv")
            Relu()
            GlobalMaxPool()
          }.named("window\(window)")
        }
      }.named("features")
      Dropout(dropout)
      Dense(classes).named("output")
    }
    try m.output(
      "logits", net(m.transpose(words, [0, 2, 1]), in: m), shape: ["N", .size(classes)])
  }
}

/// A sentence classifier that takes the mean of a bidirectional LSTM's outputs. Inputs are `tokens`,
/// int64 `[N, T]` padded with 0, and `lengths`, int32 `[N]`. The output is `logits`, `[N, classes]`.
package struct BiLSTM: Architecture {
  package var name: ArchitectureName { .bilstm }
  package var vocabulary: Int
  package var classes = 2
  package var embedding = 100
  package var hidden = 100
  package var dropout = 0.5
  package init(vocabulary: Int) { self.vocabulary = vocabulary }

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let tokens = try m.input("tokens", ["N", "T"], .int64)
    let lengths = try m.input("lengths", ["N"], .int32)
    let table = Embedding(vocabulary, embedding, padding: 0, weight: .uniform(-0.25, 0.25))
    let words = try table.named("embedding")(tokens, in: m)
    let x = try Dropout(dropout)(words, in: m)
    let result = try m.scope("lstm") { m throws(ModelError) in
      try LSTM(hidden, isBidirectional: true).run(x, lengths: lengths, in: m)
    }
    // Outputs beyond a sentence's end are 0.
    let sum = try m.node(
      "ReduceSum", [result.sequence, m.integers([1], hint: "axes")], [.int("keepdims", 0)])
    let count = try m.unsqueeze(m.cast(lengths, to: m.elementType), 1)
    let mean = try m.node("Div", [sum, m.node("Max", [count, m.scalar(1)])])
    let net = Sequential {
      Dropout(dropout)
      Dense(classes).named("output")
    }
    try m.output("logits", net(mean, in: m), shape: ["N", .size(classes)])
  }
}
