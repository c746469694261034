import ONNXFormat
import ONNXOperators

/// The reduction of the losses of all positions to one.
enum LossReduction: String, Sendable {
  case none, sum, mean
}

/// The attributes of a loss.
///
/// Its inputs are scores `[N, C, D₁…]` for C classes, a label for each position, `[N, D₁…]`, and
/// optionally a weight for each class, `[C]`.
struct LossOptions: Sendable {
  let reduction: LossReduction
  /// The label of positions that are left out of the loss.
  let ignored: Int64?

  init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.choice("reduction", default: "mean", among: ["none", "sum", "mean"])
    reduction = LossReduction(rawValue: name) ?? .mean
    ignored = try node.optionalInt("ignore_index").map { Int64($0) }
  }

  /// Checks the inputs and returns the type of the loss.
  func infer(_ inputs: Inputs) throws(OperatorError) -> ValueType {
    let scores = try inputs.tensor(0)
    let labels = try inputs.tensor(1, [.int32, .int64])
    if let shape = scores.shape {
      guard shape.rank >= 2 else { throw .input(0, "expected [N, C, …], got shape \(shape)") }
      let positions = Shape([shape[0]] + shape.dropFirst(2))
      try inputs.require(1, positions)
      if inputs.has(2) {
        _ = try inputs.tensor(2, sameTypeAs: 0)
        try inputs.require(2, [shape[1]])
      }
    }
    return .tensor(scores.elementType, reduction == .none ? labels.shape : [])
  }

  /// Writes the gradient of the loss with respect to each position's log-probability, and the label
  /// of the position, −1 if it is ignored.
  ///
  /// The gradient is `−g · weight[label]`, where `g` is the gradient of the loss; for the mean it is
  /// divided by the sum of the weights.
  func writeFactors<T: RealElement>(
    _ g: UnsafePointer<T>, _ labels: LossLabels, _ weights: UnsafePointer<T>?, positions: Int,
    classes: Int, factors: UnsafeMutablePointer<T.Compute>, places: UnsafeMutablePointer<Int>
  ) throws(OperatorError) {
    var total = 0.0
    for position in 0..<positions {
      guard let label = try labels.at(position, classes, ignored: ignored) else {
        (factors[position], places[position]) = (0, -1)
        continue
      }
      let weight = weights?[label].compute ?? 1
      total += Double(weight)
      factors[position] = reduction == .none ? -weight * g[position].compute : -weight
      places[position] = label
    }
    guard reduction != .none, positions > 0 else { return }
    let scale = g[0].compute / (reduction == .mean ? T.Compute(total) : 1)
    for position in 0..<positions where places[position] >= 0 { factors[position] *= scale }
  }

  /// Checks the inputs of a loss gradient: the gradient of the loss, then the inputs of the loss.
  func inferGradient(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let losses = try infer(Inputs(types: Array(inputs.types.dropFirst())))
    _ = try inputs.tensor(0, sameTypeAs: 1)
    if let expected = losses.tensorType?.shape { try inputs.require(0, expected) }
    return [.tensor(try inputs.tensor(1))]
  }

  /// Computes the loss from log-probabilities and writes it to output 0.
  func write<T: RealElement, P: RealElement>(
    _ buffers: Buffers, as type: T.Type, logarithms: UnsafePointer<P>, _ split: AxisSplit,
    labels: ElementType, hasWeights: Bool
  ) throws(OperatorError) {
    let y = buffers.output(0, as: T.self)
    var (total, totalWeight) = (0.0, 0.0)
    let (classes, inner) = (split.size, split.inner)
    let list = LossLabels(buffers, 1, labels)
    let weights = hasWeights ? buffers.input(2, as: T.self) : nil
    for position in 0..<split.lanes {
      var loss = 0.0
      if let label = try list.at(position, classes, ignored: ignored) {
        let weight = Double(weights?[label].compute ?? 1)
        let (row, column) = inner == 1 ? (position, 0) : (position / inner, position % inner)
        loss = -Double(logarithms[(row * classes + label) * inner + column].compute) * weight
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

/// The labels of one run, int32 or int64.
struct LossLabels {
  private let int32: UnsafePointer<Int32>?
  private let int64: UnsafePointer<Int64>?

  init(_ buffers: Buffers, _ input: Int, _ type: ElementType) {
    int32 = type == .int32 ? buffers.input(input) : nil
    int64 = type == .int32 ? nil : buffers.input(input)
  }

  /// The label of a position, or `nil` if it is ignored.
  @inline(__always)
  func at(_ position: Int, _ classes: Int, ignored: Int64?) throws(OperatorError) -> Int? {
    let label = int64?[position] ?? int32.map { Int64($0[position]) } ?? -1
    if label == ignored { return nil }
    guard label >= 0, label < classes else { throw Self.noClass(label, classes) }
    return Int(label)
  }

  @inline(never)
  private static func noClass(_ label: Int64, _ classes: Int) -> OperatorError {
    .input(1, "label \(label) is out of range for \(classes) classes")
  }
}

extension VersionChange {
  /// Replaces a loss by a look-up of the labels' log-probabilities.
  mutating func expandLoss(logarithms: String) throws(OperatorError) {
    let type = try elementType(0)
    var labels = try input(1)
    var ignored: String?
    if let number = try int("ignore_index") {
      let labelType = try elementType(1)
      let isIgnored = emit("Equal", [labels, try scalar(Double(number), labelType, "ignored")])
      labels = emit("Where", [isIgnored, try scalar(0, labelType, "first"), labels])
      ignored = isIgnored
    }
    let picked = emit(
      "GatherElements", [logarithms, unsqueeze(labels, [1])], [.int("axis", 1)])
    var loss = emit("Neg", [squeeze(picked, [1])])
    var weights = has(2) ? emit("Gather", [try input(2), labels]) : nil
    if let given = weights { loss = emit("Mul", [loss, given]) }
    if let ignored {
      let zero = try scalar(0, type, "zero")
      loss = emit("Where", [ignored, zero, loss])
      var given = try scalar(1, type, "one")
      if let weights { given = weights }
      weights = emit("Where", [ignored, zero, given])
    }
    switch try string("reduction") ?? "mean" {
    case "none": become("Identity", [loss])
    case "sum": become("Identity", [reduce("ReduceSum", loss, [], keepsAxes: false)])
    default:
      guard let weights else {
        return become("Identity", [reduce("ReduceMean", loss, [], keepsAxes: false)])
      }
      let sum = reduce("ReduceSum", loss, [], keepsAxes: false)
      become("Div", [sum, reduce("ReduceSum", weights, [], keepsAxes: false)])
    }
  }
}
