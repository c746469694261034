import ONNXFormat
import ONNXInterpreter

/// A recurrent layer whose output is that of the last step: `[N, T, I]` to `[N, directions · hidden]`.
public struct LastStep: Layer {
  /// The recurrent layer.
  public let layer: any RecurrentLayer
  /// Creates the layer.
  public init(_ layer: any RecurrentLayer) { self.layer = layer }

  /// Adds the recurrent layer.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try layer.run(x, in: m).last
  }
}

/// A simple recurrent layer: `h' = tanh(W x + b + R h + d)`, or with ReLU in place of tanh.
public struct RNN: RecurrentLayer {
  /// The ONNX operator.
  public static let operatorType = "RNN"
  /// The number of gates.
  public static let gates = 1
  /// The options.
  public var options: RecurrentOptions
  /// Whether the activation is ReLU rather than tanh.
  public var usesRelu: Bool

  /// Creates a stack of layers.
  /// - Parameters:
  ///   - hidden: The number of units per layer and direction.
  ///   - layers: The number of stacked layers.
  ///   - isBidirectional: Whether each layer also reads sequences backwards.
  ///   - isTimeFirst: Whether the first axis is the time rather than the batch.
  ///   - dropout: The dropout ratio between layers.
  public init(
    _ hidden: Int, layers: Int = 1, isBidirectional: Bool = false, isTimeFirst: Bool = false,
    dropout: Double = 0, usesRelu: Bool = false
  ) {
    options = RecurrentOptions(hidden, layers, isBidirectional, isTimeFirst, dropout)
    self.usesRelu = usesRelu
  }

  /// `activations`, if the activation is ReLU.
  public var attributes: [Attribute] {
    let names = Array(repeating: ByteString("Relu"), count: options.directions)
    return usesRelu ? [Attribute("activations", .strings(names))] : []
  }
}

/// Long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers,
/// Schmidhuber and Cummins, 2000). The gates are in ONNX order: input, output, forget, cell.
public struct LSTM: RecurrentLayer {
  /// The ONNX operator.
  public static let operatorType = "LSTM"
  /// The number of gates.
  public static let gates = 4
  /// `true`.
  public static let hasCell = true
  /// The options.
  public var options: RecurrentOptions
  /// The initial bias of the forget gate; `nil` for that of the other gates.
  public var forgetBias: Double?

  /// Creates a stack of layers.
  /// - Parameters:
  ///   - hidden: The number of units per layer and direction.
  ///   - layers: The number of stacked layers.
  ///   - isBidirectional: Whether each layer also reads sequences backwards.
  ///   - isTimeFirst: Whether the first axis is the time rather than the batch.
  ///   - dropout: The dropout ratio between layers.
  ///   - forgetBias: The initial bias of the forget gate; `nil` for that of the other gates. With 1 or
  ///     more, cells remember from the start (Jozefowicz, Zaremba and Sutskever, 2015).
  public init(
    _ hidden: Int, layers: Int = 1, isBidirectional: Bool = false, isTimeFirst: Bool = false,
    dropout: Double = 0, forgetBias: Double? = nil
  ) {
    options = RecurrentOptions(hidden, layers, isBidirectional, isTimeFirst, dropout)
    self.forgetBias = forgetBias
  }

  /// The forget gate, if its bias is special.
  public var gateBias: (gate: Int, value: Double)? { forgetBias.map { (2, $0) } }
}

/// Gated recurrent units (Cho and others, 2014). The gates are in ONNX order: update, reset, hidden.
public struct GRU: RecurrentLayer {
  /// The ONNX operator.
  public static let operatorType = "GRU"
  /// The number of gates.
  public static let gates = 3
  /// The options.
  public var options: RecurrentOptions
  /// Whether the reset gate is applied after the recurrent product rather than before.
  public var resetsAfter: Bool

  /// Creates a stack of layers.
  /// - Parameters:
  ///   - hidden: The number of units per layer and direction.
  ///   - layers: The number of stacked layers.
  ///   - isBidirectional: Whether each layer also reads sequences backwards.
  ///   - isTimeFirst: Whether the first axis is the time rather than the batch.
  ///   - dropout: The dropout ratio between layers.
  ///   - resetsAfter: Whether the reset gate is applied to `R h` as in PyTorch, rather than to `h` as in
  ///     the paper.
  public init(
    _ hidden: Int, layers: Int = 1, isBidirectional: Bool = false, isTimeFirst: Bool = false,
    dropout: Double = 0, resetsAfter: Bool = true
  ) {
    options = RecurrentOptions(hidden, layers, isBidirectional, isTimeFirst, dropout)
    self.resetsAfter = resetsAfter
  }

  /// `linear_before_reset`.
  public var attributes: [Attribute] { [.int("linear_before_reset", resetsAfter ? 1 : 0)] }
}

/// A kind of recurrent layer.
package enum RecurrentKind: String, Sendable, Hashable, CaseIterable {
  case rnn, lstm, gru

  /// A layer of this kind.
  /// - Parameter forgetBias: The initial bias of an LSTM's forget gate. Other kinds ignore it.
  package func layer(
    _ hidden: Int, layers: Int = 1, isBidirectional: Bool = false, dropout: Double = 0,
    forgetBias: Double? = nil
  ) -> any RecurrentLayer {
    switch self {
    case .rnn:
      RNN(hidden, layers: layers, isBidirectional: isBidirectional, dropout: dropout)
    case .lstm:
      LSTM(
        hidden, layers: layers, isBidirectional: isBidirectional, dropout: dropout,
        forgetBias: forgetBias)
    case .gru:
      GRU(hidden, layers: layers, isBidirectional: isBidirectional, dropout: dropout)
    }
  }

  /// Whether a layer has a cell state beside its hidden state.
  package var hasCell: Bool { self == .lstm }
}
