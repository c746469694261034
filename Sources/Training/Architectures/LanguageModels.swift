import ONNXFormat
import ONNXInterpreter

/// Predicts the next token of a text. Inputs `tokens`, int64 `[N, T]`, and the states `h` and, for
/// LSTM, `c`, `[layers, N, hidden]`, zero at the start of a text; outputs `logits`,
/// `[N, T, vocabulary]`, for the token after each, and `h_out` and `c_out`, which go in with the
/// tokens that follow.
public protocol LanguageModel: Architecture {
  var kind: RecurrentKind { get }
  var vocabulary: Int { get }
  /// The length of a token's row in the embedding; `nil` for one-hot vectors.
  var embedding: Int? { get }
  var hidden: Int { get }
  var layers: Int { get }
  var dropout: Double { get }
}

extension LanguageModel {
  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let tokens = try m.input("tokens", ["N", "T"], .int64)
    let state: Shape = [.size(layers), "N", .size(hidden)]
    let h = try m.input("h", state)
    let c = kind.hasCell ? try m.input("c", state) : nil
    var x: Signal
    if let embedding {
      x = try Embedding(vocabulary, embedding).named("embedding")(tokens, in: &m)
    } else {
      x = try OneHot(vocabulary)(tokens, in: &m)
    }
    if dropout > 0, embedding != nil { x = try Dropout(dropout)(x, in: &m) }
    let layer = kind.layer(hidden, layers: layers, dropout: dropout)
    let result = try m.scope("recurrent") { m throws(ModelError) in
      try layer.run(x, h: h, c: c, in: &m)
    }
    x = result.sequence
    if dropout > 0 { x = try Dropout(dropout)(x, in: &m) }
    let logits = try Dense(vocabulary).named("output")(x, in: &m)
    try m.output("logits", logits, shape: ["N", "T", .size(vocabulary)])
    try m.output("h_out", result.h, shape: state)
    if let c = result.c { try m.output("c_out", c, shape: state) }
  }
}

/// A character model with plain recurrent units.
public struct CharRNN: LanguageModel {
  public static let name = "char-rnn"
  public let kind = RecurrentKind.rnn
  public var vocabulary: Int
  public var embedding: Int?
  public var hidden = 128
  public var layers = 2
  public var dropout = 0.0
  public init(vocabulary: Int) { self.vocabulary = vocabulary }
}

/// A character model with LSTM units.
public struct CharLSTM: LanguageModel {
  public static let name = "char-lstm"
  public let kind = RecurrentKind.lstm
  public var vocabulary: Int
  public var embedding: Int?
  public var hidden = 128
  public var layers = 2
  public var dropout = 0.0
  public init(vocabulary: Int) { self.vocabulary = vocabulary }
}

/// A character model with gated recurrent units.
public struct CharGRU: LanguageModel {
  public static let name = "char-gru"
  public let kind = RecurrentKind.gru
  public var vocabulary: Int
  public var embedding: Int?
  public var hidden = 128
  public var layers = 2
  public var dropout = 0.0
  public init(vocabulary: Int) { self.vocabulary = vocabulary }
}

/// A word model with LSTM units (the small model of Zaremba, Sutskever and Vinyals, 2014, with
/// dropout).
public struct WordLSTM: LanguageModel {
  public static let name = "word-lstm"
  public let kind = RecurrentKind.lstm
  public var vocabulary: Int
  public var embedding: Int? = 200
  public var hidden = 200
  public var layers = 2
  public var dropout = 0.2
  public init(vocabulary: Int) { self.vocabulary = vocabulary }
}
