import ONNXFormat
import ONNXInterpreter

/// A recurrent language model, which predicts the next token of a text.
///
/// Inputs are `tokens`, int64 `[N, T]`, and the states `h` and, for LSTM, `c`, `[layers, N, hidden]`, zero
/// at the start of a text. Outputs are `logits`, `[N, T, vocabulary]`, for the token after each, and the
/// states `h_out` and `c_out`, the inputs for the next tokens.
package struct LanguageModel: Architecture {
  package let name: ArchitectureName
  package let kind: RecurrentKind
  package var vocabulary: Int
  /// The size of a token's embedding; `nil` for one-hot vectors.
  package var embedding: Int?
  package var hidden = 128
  package var layers = 2
  package var dropout = 0.0

  private init(_ name: ArchitectureName, _ kind: RecurrentKind, vocabulary: Int) {
    self.name = name
    self.kind = kind
    self.vocabulary = vocabulary
  }

  /// A character model of simple recurrent layers.
  package static func charRNN(vocabulary: Int) -> LanguageModel {
    LanguageModel(.charRNN, .rnn, vocabulary: vocabulary)
  }

  /// A character model of LSTM layers.
  package static func charLSTM(vocabulary: Int) -> LanguageModel {
    LanguageModel(.charLSTM, .lstm, vocabulary: vocabulary)
  }

  /// A character model of GRU layers.
  package static func charGRU(vocabulary: Int) -> LanguageModel {
    LanguageModel(.charGRU, .gru, vocabulary: vocabulary)
  }

  /// A word model of LSTM layers (the small model of Zaremba, Sutskever and Vinyals, 2014, with dropout).
  package static func wordLSTM(vocabulary: Int) -> LanguageModel {
    var net = LanguageModel(.wordLSTM, .lstm, vocabulary: vocabulary)
    (net.embedding, net.hidden, net.dropout) = (200, 200, 0.2)
    return net
  }

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let tokens = try m.input("tokens", ["N", "T"], .int64)
    let state: Shape = [.size(layers), "N", .size(hidden)]
    let h = try m.input("h", state)
    let c = kind.hasCell ? try m.input("c", state) : nil
    var x: Signal
    if let embedding {
      x = try Embedding(vocabulary, embedding).named("embedding")(tokens, in: m)
    } else {
      x = try OneHot(vocabulary)(tokens, in: m)
    }
    if dropout > 0, embedding != nil { x = try Dropout(dropout)(x, in: m) }
    let layer = kind.layer(hidden, layers: layers, dropout: dropout)
    let result = try m.scope("recurrent") { m throws(ModelError) in
      try layer.run(x, h: h, c: c, in: m)
    }
    x = result.sequence
    if dropout > 0 { x = try Dropout(dropout)(x, in: m) }
    let logits = try Dense(vocabulary).named("output")(x, in: m)
    try m.output("logits", logits, shape: ["N", "T", .size(vocabulary)])
    try m.output("h_out", result.h, shape: state)
    if let c = result.c { try m.output("c_out", c, shape: state) }
  }
}
