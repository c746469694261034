import ONNXFormat
import ONNXInterpreter

/// The options common to all recurrent layers.
///
/// Sequences have the shape `[N, T, I]`, or `[T, N, I]` if time is first. States have the shape
/// `[layers · directions, N, hidden]` as in PyTorch, the directions of a layer next to each other.
public struct RecurrentOptions: Sendable {
  /// The number of units per layer and direction.
  public var hidden: Int
  /// The number of stacked layers.
  public var layers = 1
  /// Whether each layer has a second set of units that reads sequences backwards.
  public var isBidirectional = false
  /// Whether the first axis is the time rather than the batch.
  public var isTimeFirst = false
  /// The dropout ratio between layers.
  public var dropout = 0.0
  /// The initializer of the input weights; `nil` for `U(±1 / √hidden)` as in PyTorch.
  public var weight: Initializer?
  /// The initializer of the recurrent weights; `nil` for `U(±1 / √hidden)`.
  public var recurrentWeight: Initializer?
  /// The initializer of both biases; `nil` for `U(±1 / √hidden)`.
  public var bias: Initializer?

  /// Creates the default options.
  public init(hidden: Int) { self.hidden = hidden }

  init(
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

/// The outputs of a recurrent layer.
public struct RecurrentOutput {
  /// The outputs of the top layer at all steps: `[N, T, directions · hidden]`, or
  /// `[T, N, directions · hidden]` if time is first.
  public var sequence: Signal
  /// The output of the top layer after the last step: `[N, directions · hidden]`. The last step of the
  /// backward direction is the first of the sequence.
  public var last: Signal
  /// The hidden states of all layers after the last step: `[layers · directions, N, hidden]`.
  public var h: Signal
  /// The cell states of all layers after the last step, in the same shape; LSTM only.
  public var c: Signal?
}

/// A stack of recurrent layers: `RNN`, `LSTM` or `GRU`.
public protocol RecurrentLayer: Layer {
  /// The options.
  var options: RecurrentOptions { get set }
  /// The operator of the nodes.
  static var operatorType: String { get }
  /// The number of gates.
  static var gates: Int { get }
  /// Whether there is a cell state beside the hidden state.
  static var hasCell: Bool { get }
  /// The attributes of the nodes besides `hidden_size` and `direction`.
  var attributes: [Attribute] { get }
  /// A gate whose input bias has a special initial value.
  var gateBias: (gate: Int, value: Double)? { get }
}

extension RecurrentLayer {
  /// `false`.
  public static var hasCell: Bool { false }
  /// No attributes.
  public var attributes: [Attribute] { [] }
  /// `nil`.
  public var gateBias: (gate: Int, value: Double)? { nil }

  /// Adds the layers.
  /// - Returns: `RecurrentOutput.sequence`.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try run(x, in: m).sequence
  }

  /// A layer whose output is `RecurrentOutput.last`.
  public var last: LastStep { LastStep(self) }

  /// Adds the layers with initial states.
  /// - Parameters:
  ///   - h: The initial hidden states, in the shape of `RecurrentOutput.h`; `nil` for zeros.
  ///   - c: The initial cell states, in the shape of `RecurrentOutput.c`; `nil` for zeros. LSTM only.
  ///   - lengths: The length of each sequence, int32 `[N]`. Outputs beyond it are 0.
  /// - Throws: `ModelError` if an input has another shape or an option is out of range.
  public func run(
    _ x: Signal, h: Signal? = nil, c: Signal? = nil, lengths: Signal? = nil,
    in m: ModelBuilder
  ) throws(ModelError) -> RecurrentOutput {
    let what = Self.operatorType
    try x.expect(rank: 3, options.isTimeFirst ? "[T, N, I]" : "[N, T, I]", for: what)
    guard (1...1000).contains(options.layers), options.hidden > 0 else {
      throw m.error(
        "\(what) expects 1 to 1000 layers of at least 1 unit, got \(options.layers) layers of "
          + "\(options.hidden) units")
    }
    guard c == nil || Self.hasCell else { throw m.error("\(what) has no cell state") }
    let directions = options.directions
    let hs = try split(h, m)
    let cs = try split(c, m)
    var x = options.isTimeFirst ? x : try m.transpose(x, [1, 0, 2])
    var lastH: [Signal] = []
    var lastC: [Signal] = []
    for layer in 0..<options.layers {
      if layer > 0, options.dropout > 0 { x = try Dropout(options.dropout)(x, in: m) }
      let outputs = try node(x, lengths, hs?[layer], cs?[layer], layer, m)
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

  /// The states of each layer: `[directions, N, hidden]`.
  private func split(
    _ state: Signal?, _ m: ModelBuilder
  ) throws(ModelError) -> [Signal]? {
    guard let state else { return nil }
    let directions = options.directions
    try state.expect(rank: 3, "[layers · directions, N, hidden]", for: Self.operatorType)
    if let size = state.shape[0].size, size != options.layers * directions {
      throw m.error(
        "\(Self.operatorType) expects \(options.layers * directions) initial states, "
          + "got \(state.shape)")
    }
    guard options.layers > 1 else { return [state] }
    let sizes = try m.integers(Array(repeating: directions, count: options.layers), hint: "split")
    return try m.nodes(
      "Split", [state, sizes], [.int("axis", 0)],
      outputs: (0..<options.layers).map { "state_l\($0)" })
  }

  /// Adds the node and the parameters of one layer.
  private func node(
    _ x: Signal, _ lengths: Signal?, _ h: Signal?, _ c: Signal?, _ layer: Int,
    _ m: ModelBuilder
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
