import CKernels
import ONNXFormat
import ONNXOperators

extension DifferentiableOperator {
  /// Adds the node that computes the gradient of a loss with respect to its scores from
  /// log-probabilities.
  func differentiateLoss(
    _ name: String, logarithms: String, _ backward: inout Backward
  ) throws(OperatorError) {
    if backward.wants(2) {
      throw .unsupported("the gradient of a loss with respect to the class weights")
    }
    guard backward.wants(0), let gradient = backward.gradient(0) else { return }
    let inputs = [gradient, logarithms, backward.input(1), backward.input(2)]
    backward.set(
      0,
      backward.builder.node(
        name, inputs, backward.forward.attributes, domain: Registry.privateDomain,
        operatorSet: backward.operatorSet, hint: "\(backward.input(0))_grad"))
  }
}

/// The gradient of a loss with respect to its scores.
///
/// Inputs: the gradient of output 0, log-probabilities `[N, C, D₁…]`, labels and optional weights.
/// With the factor f of a position (`LossOptions.writeFactors`) the gradient is f at the label's
/// class and 0 elsewhere; for a loss of softmax `−f · e^logarithm` is added to each class.
protocol LossGradient: Operator {
  var options: LossOptions { get }
  static var isOfSoftmax: Bool { get }
}

extension LossGradient {
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    try options.inferGradient(inputs)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, Float.self)
    case .float64: try kernel(call, Double.self)
    case .float16: try kernel(call, Float16.self)
    case .bfloat16: try kernel(call, BFloat16.self)
    default: throw .input(0, "expected floating point, got \(try call.elementType(0))")
    }
  }

  private func kernel<T: LossElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let split = AxisSplit(try call.inputSizes(1), axis: 1)
    let labels = try call.elementType(2)
    let hasWeights = call.inputs.has(3)
    let (classes, inner) = (split.size, split.inner)
    let item = classes * inner
    let items = Tiles(item == 0 ? 0 : split.outer, cost: item * 4)
    let (options, positions) = (options, split.lanes)
    let (scratch, overflow) = positions.multipliedReportingOverflow(by: 16)
    if overflow { throw .memory(needed: Int.max, limit: Int.max) }
    let tile: Buffers.Tile = { buffers, task, _ in
      let places = buffers.scratch.assumingMemoryBound(to: Int.self)
      let factors = UnsafeMutableRawPointer(places + positions)
        .assumingMemoryBound(to: T.Compute.self)
      for index in items[task] {
        let x = buffers.input(1, as: T.self) + index * item
        let gx = buffers.output(0, as: T.self) + index * item
        let places = places + index * inner
        let factors = factors + index * inner
        if Self.isOfSoftmax {
          T.writeShares(x, factors, gx, classes: classes, inner: inner)
        } else {
          gx.update(repeating: T(compute: 0), count: item)
        }
        for column in 0..<inner where places[column] >= 0 {
          let place = places[column] * inner + column
          gx[place] = T(compute: gx[place].compute + factors[column])
        }
      }
    }
    return .compute(scratch: scratch) { buffers throws(OperatorError) in
      let places = buffers.scratch.assumingMemoryBound(to: Int.self)
      try options.writeFactors(
        buffers.input(0, as: T.self), LossLabels(buffers, 2, labels),
        hasWeights ? buffers.input(3, as: T.self) : nil, positions: positions, classes: classes,
        factors: UnsafeMutableRawPointer(places + positions)
          .assumingMemoryBound(to: T.Compute.self), places: places)
      buffers.parallel(items.count, tile)
    }
  }
}

/// An element type of losses.
protocol LossElement: RealElement {
  /// `gx = −factor · eˣ` for `[classes, inner]` elements, with one factor for each column.
  static func writeShares(
    _ x: UnsafePointer<Self>, _ factors: UnsafePointer<Compute>, _ gx: UnsafeMutablePointer<Self>,
    classes: Int, inner: Int)
}

extension LossElement {
  static func writeShares(
    _ x: UnsafePointer<Self>, _ factors: UnsafePointer<Compute>, _ gx: UnsafeMutablePointer<Self>,
    classes: Int, inner: Int
  ) {
    for row in 0..<classes {
      for column in 0..<inner {
        let place = row * inner + column
        gx[place] = Self(compute: -factors[column] * .exp(x[place].compute))
      }
    }
  }
}

extension Double: LossElement {}
extension Float16: LossElement {}
extension BFloat16: LossElement {}
extension Float: LossElement {
  static func writeShares(
    _ x: UnsafePointer<Float>, _ factors: UnsafePointer<Float>, _ gx: UnsafeMutablePointer<Float>,
    classes: Int, inner: Int
  ) {
    if inner == 1 { return ck_loss_shares(x, factors[0], gx, classes) }
    for row in 0..<classes {
      ck_loss_shares_each(x + row * inner, factors, gx + row * inner, inner)
    }
  }
}
