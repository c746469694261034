import ONNXFormat
import ONNXOperators

/// `y = x − ln Σ eˣ` along an axis.
struct LogSoftmax: DifferentiableSoftmax {
  static let schema = Schema("LogSoftmax", [13: [.floats, .bfloat16]], inputs: 1...1)
  static var coerces: Bool { false }
  static var kind: SoftmaxKind { .logarithm }
  let axis: Int
}

/// LogSoftmax before operator set 13: the input is flattened to two dimensions at the axis.
struct LogSoftmax1: DifferentiableSoftmax {
  static let schema = Schema("LogSoftmax", [1: .floats, 11: .floats], inputs: 1...1)
  static var coerces: Bool { true }
  static var kind: SoftmaxKind { .logarithm }
  let axis: Int
}
