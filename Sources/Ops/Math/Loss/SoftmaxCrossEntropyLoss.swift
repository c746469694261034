import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The loss `−weight[label] · ln softmax(x)[label]` of each position, their sum, or their weighted
/// mean. Output 1 is `ln softmax(x)`.
struct SoftmaxCrossEntropyLoss: DifferentiableOperator {
  static let schema = Schema(
    "SoftmaxCrossEntropyLoss", [12: .floats, 13: [.floats, .bfloat16]], inputs: 2...3,
    outputs: 1...2)
  private let options: LossOptions

  init(_ node: inout NodeReader) throws(OperatorError) { options = try LossOptions(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [try options.infer(inputs), .tensor(try inputs.tensor(0))]
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

  /// Computes the log-probabilities in `T.Compute`, several batch items per task. They are written
  /// directly to output 1 if it is wanted and has that type, and to scratch memory otherwise.
  private func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel where T.Compute: LogSoftmaxElement {
    let split = AxisSplit(try call.inputSizes(0), axis: 1)
    let count = try call.inputCount(0)
    let item = split.size * split.inner
    let labels = try call.elementType(1)
    let hasWeights = call.inputs.has(2)
    let (wantsLoss, wantsLogarithms) = (call.wants(0), call.wants(1))
    let isWide = T.self == T.Compute.self
    let isInPlace = isWide && wantsLogarithms
    let items = Tiles(item == 0 ? 0 : split.outer, cost: item * 8)
    let wideResult: @Sendable (Buffers) -> UnsafeMutablePointer<T.Compute> = { buffers in
      isInPlace
        ? buffers.output(1, as: T.Compute.self)
        : buffers.scratch.assumingMemoryBound(to: T.Compute.self)
    }
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = items[task]
      let start = range.lowerBound * item
      let size = range.count * item
      let wide = wideResult(buffers) + start
      if isWide {
        T.Compute.logSoftmax(
          buffers.input(0, as: T.Compute.self) + start, wide, range.count, split.size, split.inner)
      } else {
        let x = buffers.input(0, as: T.self) + start
        for i in 0..<size { wide[i] = x[i].compute }
        T.Compute.logSoftmax(wide, wide, range.count, split.size, split.inner)
      }
      guard wantsLogarithms, !isInPlace else { return }
      let y = buffers.output(1, as: T.self) + start
      for i in 0..<size { y[i] = T(compute: wide[i]) }
    }
    let scratch = isInPlace ? 0 : count * MemoryLayout<T.Compute>.stride
    return .compute(scratch: scratch) { buffers throws(OperatorError) in
      buffers.parallel(items.count, tile)
      guard wantsLoss else { return }
      try options.write(
        buffers, as: T.self, logarithms: UnsafePointer(wideResult(buffers)), split, labels: labels,
        hasWeights: hasWeights)
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    let logarithms = backward.output(1)
    try differentiateLoss(
      SoftmaxCrossEntropyLossGrad.schema.name, logarithms: logarithms, &backward)
    guard let gradient = backward.gradient(1) else { return }
    let own = backward.builder.node(
      SoftmaxGradient<LogSoftmax>.schema.name, [gradient, logarithms], [.int("axis", 1)],
      domain: Registry.privateDomain, operatorSet: GraphBuilder.operatorSet)
    backward.set(0, backward.builder.sum([own] + [backward.results[0]].compactMap { $0 }))
  }
}

/// The gradient of `SoftmaxCrossEntropyLoss` with respect to `x`,
/// `g · weight[label] · (softmax(x) − onehot(label))` at each position.
///
/// Inputs: the gradient g of output 0, output 1, the labels and the weights.
struct SoftmaxCrossEntropyLossGrad: LossGradient {
  static let schema = Schema(
    "SoftmaxCrossEntropyLossGrad", gradientOf: SoftmaxCrossEntropyLoss.schema, inputs: 3...4,
    outputs: 1...1)
  static var isOfSoftmax: Bool { true }
  let options: LossOptions

  init(_ node: inout NodeReader) throws(OperatorError) { options = try LossOptions(&node) }
}

/// A type in which log-probabilities are computed: `Float` or `Double`.
protocol LogSoftmaxElement: RealElement {
  /// Log-softmax of `items · inner` columns of `size` elements. `y` may be `x`.
  static func logSoftmax(
    _ x: UnsafePointer<Self>, _ y: UnsafeMutablePointer<Self>, _ items: Int, _ size: Int,
    _ inner: Int)
}

extension Float: LogSoftmaxElement {
  static func logSoftmax(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ items: Int, _ size: Int,
    _ inner: Int
  ) {
    if inner == 1 { return ck_log_softmax(x, y, items, size) }
    for item in 0..<items {
      let start = item * size * inner
      ck_log_softmax_columns(x + start, y + start, size, inner, inner)
    }
  }
}

extension Double: LogSoftmaxElement {
  static func logSoftmax(
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ items: Int, _ size: Int,
    _ inner: Int
  ) {
    for item in 0..<items {
      for column in 0..<inner {
        let start = item * size * inner + column
        let (x, y) = (x + start, y + start)
        var greatest = -Double.infinity
        for i in 0..<size { greatest = max(greatest, x[i * inner]) }
        var sum = 0.0
        for i in 0..<size { sum += .exp(x[i * inner] - greatest) }
        let logarithm = greatest + .log(sum)
        for i in 0..<size { y[i * inner] = x[i * inner] - logarithm }
      }
    }
  }
}

extension SoftmaxCrossEntropyLoss {
  static var versionSteps: [VersionStep] {
    [
      .introduced(12) { change throws(OperatorError) in
        let x = try change.input(0)
        let rest = change.emit("Sub", [x, change.reduce("ReduceMax", x, [1])])
        let sum = change.reduce("ReduceSum", change.emit("Exp", [rest]), [1])
        let logarithms = change.emit(
          "Sub", [rest, change.emit("Log", [sum])], as: change.output(1))
        try change.expandLoss(logarithms: logarithms)
      }
    ]
  }
}
