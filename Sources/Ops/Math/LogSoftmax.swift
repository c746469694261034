import ONNXFormat

/// `y = x − ln Σ eˣ` along an axis.
struct LogSoftmax: SoftmaxOperator {
  static let schema = Schema("LogSoftmax", [13: [.floats, .bfloat16]], inputs: 1...1)
  static var coerces: Bool { false }
  let axis: Int

  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    split.softmaxKernel(.logarithm, type, threads: threads)
  }
}

/// LogSoftmax of the input coerced to two dimensions, which meet at the axis.
struct LogSoftmax1: SoftmaxOperator {
  static let schema = Schema("LogSoftmax", [1: .floats, 11: .floats], inputs: 1...1)
  static var coerces: Bool { true }
  let axis: Int

  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    split.softmaxKernel(.logarithm, type, threads: threads)
  }
}
