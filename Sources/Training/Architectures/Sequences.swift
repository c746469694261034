import ONNXFormat
import ONNXInterpreter

/// An LSTM that forecasts a time series. The input is `series`, `[N, T, features]`, the output
/// `forecast`, `[N, horizon]`.
package struct Forecast: Architecture {
  package var name: ArchitectureName { .forecast }
  package var features = 1
  package var horizon = 1
  package var hidden = 32
  package var layers = 1
  package init() {}

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let series = try m.input("series", ["N", "T", .size(features)])
    let net = Sequential {
      LSTM(hidden, layers: layers).last.named("lstm")
      Dense(horizon).named("output")
    }
    try m.output("forecast", net(series, in: m), shape: ["N", .size(horizon)])
  }
}

/// A classifier of bit strings by parity. Inputs are `bits`, `[N, T, 1]`, and `lengths`, int32 `[N]`. The
/// output is `logits`, `[N, 2]`, for an even and an odd number of ones. Trained on short strings, it
/// generalises to longer ones.
package struct Parity: Architecture {
  package var name: ArchitectureName { .parity }
  package var kind = RecurrentKind.lstm
  package var hidden = 32
  package init() {}

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let bits = try m.input("bits", ["N", "T", 1])
    let lengths = try m.input("lengths", ["N"], .int32)
    let layer = kind.layer(hidden)
    let result = try m.scope("recurrent") { m throws(ModelError) in
      try layer.run(bits, lengths: lengths, in: m)
    }
    try m.output(
      "logits", Dense(2).named("output")(result.last, in: m), shape: ["N", 2])
  }
}

/// A model for the adding problem (Hochreiter and Schmidhuber, 1997). The input is `sequence`,
/// `[N, T, 2]`: numbers from 0 to 1, and marks that are 1 for two of them. The output `sum`, `[N, 1]`,
/// predicts the sum of the two marked numbers.
package struct Adding: Architecture {
  package var name: ArchitectureName { .adding }
  package var kind = RecurrentKind.lstm
  package var hidden = 64
  /// The initial bias of an LSTM's forget gate. A positive one lets gradients pass through 100 steps.
  package var forgetBias = 1.0
  package init() {}

  package func build(_ m: ModelBuilder) throws(ModelError) {
    let sequence = try m.input("sequence", ["N", "T", 2])
    let net = Sequential {
      kind.layer(hidden, forgetBias: forgetBias).last.named("recurrent")
      Dense(1).named("output")
    }
    try m.output("sum", net(sequence, in: m), shape: ["N", 1])
  }
}
