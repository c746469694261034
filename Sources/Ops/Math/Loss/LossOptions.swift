import ONNXFormat

/// How losses of single positions become one.
enum LossReduction: String, Sendable {
  case none, sum, mean
}

/// Scores `[N, C, D₁…]` of C classes, a label for each position, `[N, D₁…]`, and perhaps a weight for
/// each class, `[C]`: inputs 0, 1 and 2.
struct LossOptions: Sendable {
  let reduction: LossReduction
  /// A label whose positions do not count.
  let ignored: Int64?

  init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.choice("reduction", default: "mean", among: ["none", "sum", "mean"])
    reduction = LossReduction(rawValue: name) ?? .mean
    ignored = try node.optionalInt("ignore_index").map { Int64($0) }
  }

  /// The type of the losses.
  func infer(_ inputs: Inputs) throws(OperatorError) -> ValueType {
    let scores = try inputs.tensor(0)
    let labels = try inputs.tensor(1, [.int32, .int64])
    if let shape = scores.shape {
      guard shape.rank >= 2 else { throw .input(0, "expected [N, C, …], got shape \(shape)") }
      let positions = Shape([shape[0]] + shape.dropFirst(2))
      try require(labels.shape, positions, input: 1)
      if inputs.has(2) {
        try require(try inputs.tensor(2, sameTypeAs: 0).shape, [shape[1]], input: 2)
      }
    }
    return .tensor(scores.elementType, reduction == .none ? labels.shape : [])
  }

  private func require(
    _ shape: Shape?, _ expected: Shape, input: Int
  ) throws(OperatorError) {
    guard let shape else { return }
    let fits =
      shape.rank == expected.rank
      && zip(shape, expected).allSatisfy { a, b in
        a.size == nil || b.size == nil || a.size == b.size
      }
    guard fits else { throw .input(input, "expected shape \(expected), got \(shape)") }
  }

  /// Writes the losses, or the one they make, to output 0, of the logarithms of the probabilities.
  func write<T: RealElement, P: RealElement>(
    _ buffers: Buffers, as type: T.Type, logarithms: UnsafePointer<P>, _ split: AxisSplit,
    labels: ElementType, hasWeights: Bool
  ) throws(OperatorError) {
    let y = buffers.output(0, as: T.self)
    var (total, totalWeight) = (0.0, 0.0)
    let (classes, inner) = (split.size, split.inner)
    for position in 0..<split.lanes {
      let label =
        labels == .int32
        ? Int64(buffers.input(1, as: Int32.self)[position])
        : buffers.input(1, as: Int64.self)[position]
      var loss = 0.0
      if label != ignored {
        guard label >= 0, label < classes else {
          throw .input(1, "label \(label) is none of \(classes) classes")
        }
        let weight = hasWeights ? Double(buffers.input(2, as: T.self)[Int(label)].compute) : 1
        let (row, column) = (position / inner, position % inner)
        loss = -Double(logarithms[(row * classes + Int(label)) * inner + column].compute) * weight
        totalWeight += weight
      }
      total += loss
      if reduction == .none { y[position] = T(compute: T.Compute(loss)) }
    }
    switch reduction {
    case .none: break
    case .sum: y[0] = T(compute: T.Compute(total))
    case .mean: y[0] = T(compute: T.Compute(total / totalWeight))
    }
  }
}
