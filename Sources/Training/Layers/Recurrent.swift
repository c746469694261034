import ONNXFormat
import ONNXInterpreter

/// What the recurrent layers have in common.
///
/// Data are `[N, T, I]`, or `[T, N, I]` where the time comes first; states are
/// `[layers · directions, N, hidden]`, a layer's directions behind one another, as PyTorch's.
public struct RecurrentOptions: Sendable {
  /// Units of a layer in one direction.
  public var hidden: Int
  /// How many layers stand above each other.
  public var layers = 1
  /// Whether a second set of units reads each sequence from its end.
  public var isBidirectional = false
  public var isTimeFirst = false
  /// Probability that an element is dropped between two layers, while training.
  public var dropout = 0.0
  /// How the weights of the input begin; `nil` for `U(±1 / √hidden)` as in PyTorch.
  public var weight: Initializer?
  /// How the weights of the state begin; `nil` likewise.
  public var recurrentWeight: Initializer?
  /// How both biases begin; `nil` likewise.
  public var bias: Initializer?

  public init(hidden: Int) { self.hidden = hidden }

  fileprivate init(
    _ hidden: Int, _ layers: Int, _ isBidirectional: Bool, _ isTimeFirst: Bool, _ dropout: Double
  ) {
    self.hidden = hidden
    self.layers = layers
    self.isBidirectional = isBidirectional
    self.isTimeFirst = isTimeFirst
    self.dropout = dropout
  }

  var directions: Int { isBidirectional ? 2 : 1 }
}

/// What a recurrent layer gives.
public struct RecurrentOutput: Sendable {
  /// The top layer's outputs at all steps: `[N, T, directions · hidden]`, or with the time first.
  public var sequence: Signal
  /// The top layer's output at each sequence's last step, `[N, directions · hidden]`; of the second
  /// direction its own last, which is the sequence's first.
  public var last: Signal
  /// All layers' outputs after the last step: `[layers · directions, N, hidden]`.
  public var h: Signal
  /// LSTM: all layers' cells after the last step, in the same shape.
  public var c: Signal?
}

/// A stack of layers that carry a state from step to step: `RNN`, `LSTM` or `GRU`.
public protocol RecurrentLayer: Layer {
  var options: RecurrentOptions { get set }
  static var operatorType: String { get }
  static var gates: Int { get }
  static var hasCell: Bool { get }
  /// Attributes beyond those that all three have.
  var attributes: [Attribute] { get }
  /// The gate whose first bias begins at a value of its own.
  var gateBias: (gate: Int, value: Double)? { get }
}

extension RecurrentLayer {
  public static var hasCell: Bool { false }
  public var attributes: [Attribute] { [] }
  public var gateBias: (gate: Int, value: Double)? { nil }

  /// The outputs at all steps.
  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try run(x, in: &m).sequence
  }

  /// A layer that gives `RecurrentOutput.last`.
  public var last: LastStep { LastStep(self) }

  /// Runs over sequences.
  /// - Parameters:
  ///   - h: the state before the first step, as `RecurrentOutput.h`; `nil` for 0
  ///   - c: LSTM: likewise of the cells
  ///   - lengths: int32 `[N]`, steps of each sequence that count; outputs beyond them are 0
  public func run(
    _ x: Signal, h: Signal? = nil, c: Signal? = nil, lengths: Signal? = nil,
    in m: inout ModelBuilder
  ) throws(ModelError) -> RecurrentOutput {
    let what = Self.operatorType
    try x.expect(rank: 3, options.isTimeFirst ? "[T, N, I]" : "[N, T, I]", for: what)
    guard (1...1000).contains(options.layers), options.hidden > 0 else {
      throw m.error("\(what) of \(options.layers) layers of \(options.hidden) units")
    }
    guard c == nil || Self.hasCell else { throw m.error("\(what) has no cells to begin with") }
    let directions = options.directions
    let hs = try split(h, &m)
    let cs = try split(c, &m)
    var x = options.isTimeFirst ? x : try m.transpose(x, [1, 0, 2])
    var lastH: [Signal] = []
    var lastC: [Signal] = []
    for layer in 0..<options.layers {
      if layer > 0, options.dropout > 0 { x = try Dropout(options.dropout)(x, in: &m) }
      let outputs = try node(x, lengths, hs?[layer], cs?[layer], layer, &m)
      lastH.append(outputs[1])
      if Self.hasCell { lastC.append(outputs[2]) }
      let isTop = layer == options.layers - 1
      // [T, D, N, H]
      if directions == 1 {
        x = try m.squeeze(outputs[0], 1)
        if isTop, !options.isTimeFirst { x = try m.transpose(x, [1, 0, 2]) }
      } else {
        let order = isTop && !options.isTimeFirst ? [2, 0, 1, 3] : [0, 2, 1, 3]
        x = try m.reshape(m.transpose(outputs[0], order), [0, 0, directions * options.hidden])
      }
    }
    let top = lastH[options.layers - 1]
    let last =
      directions == 1
      ? try m.squeeze(top, 0)
      : try m.reshape(m.transpose(top, [1, 0, 2]), [0, directions * options.hidden])
    return RecurrentOutput(
      sequence: x, last: last, h: try m.concatenate(lastH, axis: 0),
      c: Self.hasCell ? try m.concatenate(lastC, axis: 0) : nil)
  }

  /// The states of each layer, `[directions, N, hidden]`.
  private func split(
    _ state: Signal?, _ m: inout ModelBuilder
  ) throws(ModelError) -> [Signal]? {
    guard let state else { return nil }
    let directions = options.directions
    try state.expect(rank: 3, "[layers · directions, N, hidden]", for: Self.operatorType)
    if let size = state.shape[0].size, size != options.layers * directions {
      throw m.error(
        "\(Self.operatorType) expects \(options.layers * directions) states, got \(state.shape)")
    }
    guard options.layers > 1 else { return [state] }
    let sizes = try m.integers(Array(repeating: directions, count: options.layers), hint: "split")
    return try m.nodes(
      "Split", [state, sizes], [.int("axis", 0)],
      outputs: (0..<options.layers).map { "state_l\($0)" })
  }

  /// The node of one layer and its parameters.
  private func node(
    _ x: Signal, _ lengths: Signal?, _ h: Signal?, _ c: Signal?, _ layer: Int,
    _ m: inout ModelBuilder
  ) throws(ModelError) -> [Signal] {
    let size = try x.size(2, for: Self.operatorType)
    let (hidden, directions, gates) = (options.hidden, options.directions, Self.gates)
    guard [directions, 8, hidden, max(hidden, size)].elementCount != nil else {
      throw m.error("\(Self.operatorType) of \(size) inputs and \(hidden) units is too large")
    }
    let bound = 1 / Double(hidden).squareRoot()
    let usual = Initializer.uniform(-bound, bound)
    func all(_ initializer: Initializer?, _ count: Int) -> [Initializer] {
      Array(repeating: initializer ?? usual, count: directions * count)
    }
    let W = try m.parameter(
      "weight_ih_l\(layer)", [directions, gates * hidden, size],
      blocks: all(options.weight, gates), of: [hidden, size])
    let R = try m.parameter(
      "weight_hh_l\(layer)", [directions, gates * hidden, hidden],
      blocks: all(options.recurrentWeight, gates), of: [hidden, hidden])
    var biases = all(options.bias, 2 * gates)
    if let special = gateBias {
      for direction in 0..<directions {
        let first = direction * 2 * gates + special.gate
        biases[first] = .constant(special.value)
        biases[first + gates] = .zeros
      }
    }
    let B = try m.parameter(
      "bias_l\(layer)", [directions, 2 * gates * hidden], blocks: biases, of: [hidden])
    let type = Self.operatorType.lowercased()
    return try m.nodes(
      Self.operatorType, [x, W, R, B, lengths, h] + (Self.hasCell ? [c] : []),
      attributes + [
        .int("hidden_size", hidden),
        .string("direction", options.isBidirectional ? "bidirectional" : "forward"),
      ],
      outputs: ["\(type)_l\(layer)", "h_l\(layer)"] + (Self.hasCell ? ["c_l\(layer)"] : []))
  }
}

/// A recurrent layer of whose outputs the last is wanted: `[N, T, I]` becomes
/// `[N, directions · hidden]`.
public struct LastStep: Layer {
  public let layer: any RecurrentLayer
  public init(_ layer: any RecurrentLayer) { self.layer = layer }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try layer.run(x, in: &m).last
  }
}

/// `h' = tanh(W x + b + R h + d)`, or with ReLU.
public struct RNN: RecurrentLayer {
  public static let operatorType = "RNN"
  public static let gates = 1
  public var options: RecurrentOptions
  public var usesRelu: Bool

  /// - Parameters:
  ///   - hidden: units of a layer in one direction
  ///   - dropout: probability that an element is dropped between two layers, while training
  public init(
    _ hidden: Int, layers: Int = 1, isBidirectional: Bool = false, isTimeFirst: Bool = false,
    dropout: Double = 0, usesRelu: Bool = false
  ) {
    options = RecurrentOptions(hidden, layers, isBidirectional, isTimeFirst, dropout)
    self.usesRelu = usesRelu
  }

  public var attributes: [Attribute] {
    let names = Array(repeating: ByteString("Relu"), count: options.directions)
    return usesRelu ? [Attribute("activations", .strings(names))] : []
  }
}

/// Long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers,
/// Schmidhuber and Cummins, 2000). Gates stand in the standard's order: input, output, forget, cell.
public struct LSTM: RecurrentLayer {
  public static let operatorType = "LSTM"
  public static let gates = 4
  public static let hasCell = true
  public var options: RecurrentOptions
  public var forgetBias: Double?

  /// - Parameters:
  ///   - hidden: units of a layer in one direction
  ///   - dropout: probability that an element is dropped between two layers, while training
  ///   - forgetBias: where the forget gate's bias begins: 1 or more lets the cells remember from
  ///     the start (Jozefowicz, Zaremba and Sutskever, 2015); `nil` for as the others
  public init(
    _ hidden: Int, layers: Int = 1, isBidirectional: Bool = false, isTimeFirst: Bool = false,
    dropout: Double = 0, forgetBias: Double? = nil
  ) {
    options = RecurrentOptions(hidden, layers, isBidirectional, isTimeFirst, dropout)
    self.forgetBias = forgetBias
  }

  public var gateBias: (gate: Int, value: Double)? { forgetBias.map { (2, $0) } }
}

/// Gated recurrent units (Cho and others, 2014). Gates stand in the standard's order: update, reset,
/// hidden.
public struct GRU: RecurrentLayer {
  public static let operatorType = "GRU"
  public static let gates = 3
  public var options: RecurrentOptions
  public var resetsAfter: Bool

  /// - Parameters:
  ///   - hidden: units of a layer in one direction
  ///   - dropout: probability that an element is dropped between two layers, while training
  ///   - resetsAfter: whether the reset gate is applied to `R h`, as in PyTorch, rather than to `h`,
  ///     as in the paper
  public init(
    _ hidden: Int, layers: Int = 1, isBidirectional: Bool = false, isTimeFirst: Bool = false,
    dropout: Double = 0, resetsAfter: Bool = true
  ) {
    options = RecurrentOptions(hidden, layers, isBidirectional, isTimeFirst, dropout)
    self.resetsAfter = resetsAfter
  }

  public var attributes: [Attribute] { [.int("linear_before_reset", resetsAfter ? 1 : 0)] }
}

/// The kinds of recurrent layers.
public enum RecurrentKind: String, Sendable, Hashable, CaseIterable {
  case rnn, lstm, gru

  /// A layer of this kind.
  /// - Parameter forgetBias: of an LSTM's forget gate; the others have none
  public func layer(
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

  /// Whether a layer has cells beside its outputs.
  public var hasCell: Bool { self == .lstm }
}
