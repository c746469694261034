import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The sizes of a recurrent layer, as far as they follow from its inputs.
struct RecurrentShape: Sendable {
  var steps = Dimension.unknown
  var batch = Dimension.unknown
  var input = Dimension.unknown
  var hidden = Dimension.unknown
  let directions: Int
  let batchFirst: Bool

  private typealias Size = WritableKeyPath<RecurrentShape, Dimension>

  /// One axis of an input: a fixed size, or a multiple of a size of the layer.
  private enum Axis {
    case fixed(Int)
    case times(Int, Size, String)

    var description: String {
      switch self {
      case .fixed(let size): "\(size)"
      case .times(1, _, let name): name
      case .times(let factor, _, let name): "\(factor)·\(name)"
      }
    }
  }

  /// Reads the sizes from the inputs X, W, R, B, sequence_lens, initial_h, and for LSTM initial_c
  /// and P.
  /// - Throws: `OperatorError` where the type, rank or size of an input contradicts the others.
  init(
    _ inputs: Inputs, _ attributes: RecurrentAttributes, gates: Int
  ) throws(OperatorError) {
    directions = attributes.directions
    batchFirst = attributes.batchFirst
    if let size = attributes.hiddenSize { hidden = .size(size) }

    let steps = Axis.times(1, \.steps, "seq_length")
    let batch = Axis.times(1, \.batch, "batch_size")
    let input = Axis.times(1, \.input, "input_size")
    func units(_ factor: Int) -> Axis { .times(factor, \.hidden, "hidden_size") }
    let state =
      batchFirst ? [batch, .fixed(directions), units(1)] : [.fixed(directions), batch, units(1)]

    _ = try inputs.tensor(0, [.floats, .bfloat16])
    try match(inputs, 0, batchFirst ? [batch, steps, input] : [steps, batch, input])
    try match(inputs, 2, [.fixed(directions), units(gates), units(1)])
    try match(inputs, 1, [.fixed(directions), units(gates), input])
    if inputs.has(3) { try match(inputs, 3, [.fixed(directions), units(2 * gates)]) }
    if inputs.has(4) {
      _ = try inputs.tensor(4, .int32)
      try match(inputs, 4, [batch])
    }
    if inputs.has(5) { try match(inputs, 5, state) }
    if inputs.has(6) { try match(inputs, 6, state) }
    if inputs.has(7) { try match(inputs, 7, [.fixed(directions), units(3)]) }

    guard self.hidden.size != 0 else {
      throw .input(2, "expected a hidden size of at least 1, got 0")
    }
    guard self.input.size != 0 else {
      throw .input(0, "expected an input size of at least 1, got 0")
    }
  }

  private mutating func match(
    _ inputs: Inputs, _ index: Int, _ axes: [Axis]
  ) throws(OperatorError) {
    if index != 4 { _ = try inputs.tensor(index, sameTypeAs: 0) }
    guard let shape = try inputs.shape(index, rank: axes.count) else { return }
    for (axis, dimension) in zip(axes, shape) where !fits(axis, dimension) {
      var text = axes.map(\.description).joined(separator: ",")
      if case .times(_, let size, let name) = axis, let known = self[keyPath: size].size {
        text += "] with \(name) [\(known)"
      }
      throw .input(index, "expected shape [\(text)], got \(shape)")
    }
  }

  /// Whether the axis may have that size, which becomes the layer's where it was unknown.
  private mutating func fits(_ axis: Axis, _ dimension: Dimension) -> Bool {
    switch axis {
    case .fixed(let size): return dimension.size ?? size == size
    case .times(let factor, let size, _):
      let known = self[keyPath: size]
      guard let value = dimension.size else {
        if factor == 1, known == .unknown { self[keyPath: size] = dimension }
        return true
      }
      guard value % factor == 0 else { return false }
      if let known = known.size { return known == value / factor }
      self[keyPath: size] = .size(value / factor)
      return true
    }
  }

  /// The shape of Y.
  var sequence: Shape {
    let directions = Dimension.size(directions)
    return batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden]
  }

  /// The shape of Y_h and Y_c.
  var state: Shape {
    let directions = Dimension.size(directions)
    return batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
  }
}
