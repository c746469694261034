import ONNXFormat

/// `y = eˣ / Σ eˣ` along an axis.
struct Softmax: SoftmaxOperator {
  static let schema = Schema("Softmax", [13: [.floats, .bfloat16]], inputs: 1...1)
  static var coerces: Bool { false }
  let axis: Int

  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    split.softmaxKernel(.plain, type, threads: threads)
  }
}

/// Softmax of the input coerced to two dimensions, which meet at the axis.
struct Softmax1: SoftmaxOperator {
  static let schema = Schema("Softmax", [1: .floats, 11: .floats], inputs: 1...1)
  static var coerces: Bool { true }
  let axis: Int

  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel? {
    split.softmaxKernel(.plain, type, threads: threads)
  }
}
