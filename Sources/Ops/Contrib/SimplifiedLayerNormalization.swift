import ONNXFormat
import ONNXOperators

/// `RMSNormalization` before the standard had it: `y = x / √(mean of x² + ε) · scale` over the axes
/// from `axis` on. Output 1 is `1 / √(mean of x² + ε)` of each row.
///
/// onnxruntime has it in the domain `ai.onnx`.
struct SimplifiedLayerNormalization: FunctionOperator {
  static let schema = Schema(
    "SimplifiedLayerNormalization", [1: [.floats, .bfloat16]], inputs: 2...2, outputs: 1...2)
  private let normalization: RootMeanSquare

  init(_ node: inout NodeReader) throws(OperatorError) {
    normalization = try RootMeanSquare(&node)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    normalization.apply(function.input(0), function.input(1), inverse: 1, &function)
  }
}

/// The same in the domain `com.microsoft`, where exporters write it too.
struct ContribSimplifiedLayerNormalization: FunctionOperator {
  static let schema = Schema(
    "SimplifiedLayerNormalization", domain: ContribOperators.domain, [1: [.floats, .bfloat16]],
    inputs: 2...2, outputs: 1...2)
  private let normalization: RootMeanSquare

  init(_ node: inout NodeReader) throws(OperatorError) {
    normalization = try RootMeanSquare(&node)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    normalization.apply(function.input(0), function.input(1), inverse: 1, &function)
  }
}

/// `y = x / √(mean of x² + ε) · scale` over the axes from `axis` on.
struct RootMeanSquare: Sendable {
  private let axis: Int
  private let epsilon: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: -1)
    epsilon = try node.epsilon(default: 1e-5)
    _ = try node.optionalInt("stash_type")
  }

  /// Over the last axis.
  init(epsilon: Float) {
    axis = -1
    self.epsilon = epsilon
  }

  /// Sets output 0, and the output for the inverse root, a float32 tensor with the normalized axes
  /// of size 1.
  func apply(
    _ x: String, _ scale: String, inverse: Int, _ function: inout FunctionBuilder
  ) {
    function.set(
      0,
      function.node(
        "RMSNormalization", [x, scale], [.int("axis", axis), .float("epsilon", epsilon)],
        version: 23))
    let wide = function.builder.cast(x, to: .float32)
    let square = function.node("Mul", [wide, wide])
    var axes = function.builder.integers([axis])
    if axis != -1 {
      // The axes from `axis` on, for any rank: those of `range(rank)` that Slice keeps.
      let rank = function.node("Size", [function.builder.shape(of: x)])
      let number = { (value: Int64, builder: inout GraphBuilder) in
        builder.constant(Tensor(shape: [], [value]))
      }
      let range = function.node(
        "Range",
        [number(0, &function.builder), rank, number(1, &function.builder)])
      axes = function.node(
        "Slice", [range, axes, function.builder.integers([Int(Int64.max)])])
    }
    let mean = function.node("ReduceMean", [square, axes], [.int("keepdims", 1)])
    let sum = function.node(
      "Add", [mean, function.builder.scalar(Double(epsilon), .float32)])
    function.set(inverse, function.node("Reciprocal", [function.node("Sqrt", [sum])]))
  }
}

extension NodeReader {
  /// The attribute epsilon, which must not be negative.
  mutating func epsilon(default value: Float) throws(OperatorError) -> Float {
    let epsilon = try float("epsilon", default: value)
    guard epsilon >= 0 else { throw .attribute("epsilon", "expected 0 or more, got \(epsilon)") }
    return epsilon
  }
}
