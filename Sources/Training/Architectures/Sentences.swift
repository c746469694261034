import ONNXFormat
import ONNXInterpreter

/// The sentence classifier of Kim, "Convolutional neural networks for sentence classification"
/// (2014), with random embeddings (CNN-rand): windows over 3, 4 and 5 words, the largest of each map
/// over time, dropout, a linear layer. `tokens`, int64 `[N, T]` filled up with 0, becomes `logits`,
/// `[N, classes]`.
public struct TextCNN: Architecture {
  public static let name = "text-cnn"
  public var vocabulary: Int
  public var classes = 2
  public var embedding = 300
  public var windows = [3, 4, 5]
  /// Feature maps of each window.
  public var maps = 100
  public var dropout = 0.5
  /// The share of an embedding's numbers that are left out.
  public var embeddingDropout = 0.0
  public init(vocabulary: Int) { self.vocabulary = vocabulary }

  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let tokens = try m.input("tokens", ["N", "T"], .int64)
    // Kim draws from ±0.25, the spread of the word2vec vectors that his other models begin with.
    let table = Embedding(vocabulary, embedding, padding: 0, weight: .uniform(-0.25, 0.25))
    var words = try table.named("embedding")(tokens, in: &m)
    if embeddingDropout > 0 { words = try Dropout(embeddingDropout)(words, in: &m) }
    let net = Sequential {
      Parallel {
        for window in windows {
          Sequential {
            // A window of padding before and behind, so that how far a batch is filled up changes
            // nothing.
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
      "logits", net(m.transpose(words, [0, 2, 1]), in: &m), shape: ["N", .size(classes)])
  }
}

/// A sentence classifier that reads in both directions: `tokens`, int64 `[N, T]` filled up with 0,
/// and `lengths`, int32 `[N]`, become `logits`, `[N, classes]`. The sentence is the mean of the
/// outputs at its words.
public struct BiLSTM: Architecture {
  public static let name = "bilstm"
  public var vocabulary: Int
  public var classes = 2
  public var embedding = 100
  public var hidden = 100
  public var dropout = 0.5
  public init(vocabulary: Int) { self.vocabulary = vocabulary }

  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let tokens = try m.input("tokens", ["N", "T"], .int64)
    let lengths = try m.input("lengths", ["N"], .int32)
    let table = Embedding(vocabulary, embedding, padding: 0, weight: .uniform(-0.25, 0.25))
    let words = try table.named("embedding")(tokens, in: &m)
    let x = try Dropout(dropout)(words, in: &m)
    let result = try m.scope("lstm") { m throws(ModelError) in
      try LSTM(hidden, isBidirectional: true).run(x, lengths: lengths, in: &m)
    }
    // Outputs beyond a sentence's end are 0 and add nothing.
    let sum = try m.node(
      "ReduceSum", [result.sequence, m.integers([1], hint: "axes")], [.int("keepdims", 0)])
    let count = try m.unsqueeze(m.cast(lengths, to: m.elementType), 1)
    let mean = try m.node("Div", [sum, m.node("Max", [count, m.scalar(1)])])
    let net = Sequential {
      Dropout(dropout)
      Dense(classes).named("output")
    }
    try m.output("logits", net(mean, in: &m), shape: ["N", .size(classes)])
  }
}
