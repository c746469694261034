import ONNXFormat
import ONNXInterpreter

/// An LSTM that looks at a window of a series and says what follows: `series`, `[N, T, features]`,
/// becomes `forecast`, `[N, horizon]`.
public struct Forecast: Architecture {
  public static let name = "forecast"
  public var features = 1
  public var horizon = 1
  public var hidden = 32
  public var layers = 1
  public init() {}

  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let series = try m.input("series", ["N", "T", .size(features)])
    let net = Sequential {
      LSTM(hidden, layers: layers).last.named("lstm")
      Dense(horizon).named("output")
    }
    try m.output("forecast", net(series, in: &m), shape: ["N", .size(horizon)])
  }
}

/// Whether a string of bits has an odd number of ones: `bits`, `[N, T, 1]`, and `lengths`, int32
/// `[N]`, become `logits`, `[N, 2]`, of even and odd. What it learns from short strings holds for
/// longer ones.
public struct Parity: Architecture {
  public static let name = "parity"
  public var kind = RecurrentKind.lstm
  public var hidden = 32
  public init() {}

  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let bits = try m.input("bits", ["N", "T", 1])
    let lengths = try m.input("lengths", ["N"], .int32)
    let layer = kind.layer(hidden)
    let result = try m.scope("recurrent") { m throws(ModelError) in
      try layer.run(bits, lengths: lengths, in: &m)
    }
    try m.output(
      "logits", Dense(2).named("output")(result.last, in: &m), shape: ["N", 2])
  }
}

/// The adding problem (Hochreiter and Schmidhuber, 1997): `sequence`, `[N, T, 2]`, holds numbers from
/// 0 to 1 and marks, 1 at two of them; `sum`, `[N, 1]`, is the sum of these two.
public struct Adding: Architecture {
  public static let name = "adding"
  public var kind = RecurrentKind.lstm
  public var hidden = 64
  /// Where an LSTM's forget gate begins: open, so that gradients get through 100 steps.
  public var forgetBias = 1.0
  public init() {}

  public func build(_ m: inout ModelBuilder) throws(ModelError) {
    let sequence = try m.input("sequence", ["N", "T", 2])
    let net = Sequential {
      kind.layer(hidden, forgetBias: forgetBias).last.named("recurrent")
      Dense(1).named("output")
    }
    try m.output("sum", net(sequence, in: &m), shape: ["N", 1])
  }
}
