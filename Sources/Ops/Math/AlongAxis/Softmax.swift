import ONNXFormat
import ONNXOperators

/// `y = eˣ / Σ eˣ` along an axis.
struct Softmax: DifferentiableSoftmax {
  static let schema = Schema("Softmax", [13: [.floats, .bfloat16]], inputs: 1...1)
  static var coerces: Bool { false }
  static var kind: SoftmaxKind { .plain }
  let axis: Int
}

/// Softmax before operator set 13: the input is flattened to two dimensions at the axis.
struct Softmax1: DifferentiableSoftmax {
  static let schema = Schema("Softmax", [1: .floats, 11: .floats], inputs: 1...1)
  static var coerces: Bool { true }
  static var kind: SoftmaxKind { .plain }
  let axis: Int
}
