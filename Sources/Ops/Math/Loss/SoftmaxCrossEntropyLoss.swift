import CKernels
import ONNXFormat
import RealModule

/// `−weight[label] · ln softmax(x)[label]` at each position; the sum of these, or their mean by the
/// weights. Output 1 is `ln softmax(x)`.
struct SoftmaxCrossEntropyLoss: Operator {
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

  /// The logarithms are computed in the type that `T` computes in, one batch item a task.
  private func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel where T.Compute: LogSoftmaxElement {
    let split = AxisSplit(try call.inputSizes(0), axis: 1)
    let count = try call.inputCount(0)
    let item = split.size * split.inner
    let labels = try call.elementType(1)
    let hasWeights = call.inputs.has(2)
    let (wantsLoss, wantsLogarithms) = (call.wants(0), call.wants(1))
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: T.self) + task * item
      let wide = buffers.scratch.assumingMemoryBound(to: T.Compute.self) + task * item
      for i in 0..<item { wide[i] = x[i].compute }
      T.Compute.logSoftmax(wide, split.size, split.inner)
      guard wantsLogarithms else { return }
      let y = buffers.output(1, as: T.self) + task * item
      for i in 0..<item { y[i] = T(compute: wide[i]) }
    }
    let tasks = item == 0 ? 0 : split.outer
    let scratch = count * MemoryLayout<T.Compute>.stride
    return .compute(scratch: scratch) { buffers throws(OperatorError) in
      buffers.parallel(tasks, tile)
      guard wantsLoss else { return }
      try options.write(
        buffers, as: T.self,
        logarithms: UnsafePointer(buffers.scratch.assumingMemoryBound(to: T.Compute.self)), split,
        labels: labels, hasWeights: hasWeights)
    }
  }
}

/// `Float` and `Double`: the types that logarithms of probabilities are computed in.
protocol LogSoftmaxElement: RealElement {
  /// Of `inner` columns of `size` elements, in place.
  static func logSoftmax(_ x: UnsafeMutablePointer<Self>, _ size: Int, _ inner: Int)
}

extension Float: LogSoftmaxElement {
  static func logSoftmax(_ x: UnsafeMutablePointer<Float>, _ size: Int, _ inner: Int) {
    if inner == 1 {
      ck_log_softmax(x, x, 1, size)
    } else {
      ck_log_softmax_columns(x, x, size, inner, inner)
    }
  }
}

extension Double: LogSoftmaxElement {
  static func logSoftmax(_ x: UnsafeMutablePointer<Double>, _ size: Int, _ inner: Int) {
    for column in 0..<inner {
      let x = x + column
      var greatest = -Double.infinity
      for i in 0..<size { greatest = max(greatest, x[i * inner]) }
      var sum = 0.0
      for i in 0..<size { sum += .exp(x[i * inner] - greatest) }
      let logarithm = greatest + .log(sum)
      for i in 0..<size { x[i * inner] -= logarithm }
    }
  }
}
