import ONNXFormat
import ONNXOperators

/// `Y = alpha · sa · sb · (Σ (a − za) · (b − zb) + C)` for 8-bit matrices A and B, each transposed if
/// `transA` or `transB` is 1, and an int32 C that is broadcast. Y is float32, or quantised if it has a
/// scale. B has one scale and zero point, or one per column.
struct QGemm: FunctionOperator {
  static let schema = Schema(
    "QGemm", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 6...9)
  let alpha: Float
  let transposeA: Bool
  let transposeB: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
    transposeA = try node.flag("transA")
    transposeB = try node.flag("transB")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var (a, b) = (function.input(0), function.input(3))
    if transposeA { a = function.builder.transpose(a, [1, 0]) }
    if transposeB { b = function.builder.transpose(b, [1, 0]) }
    var sums = function.node(
      "MatMulInteger", [a, b, function.single(2), function.input(5)])
    if function.has(6) { sums = function.builder.add(sums, function.input(6)) }
    var scale = function.builder.mul(function.single(1), function.input(4))
    if alpha != 1 {
      scale = function.builder.mul(scale, function.builder.scalar(Double(alpha), .float32))
    }
    let product = function.builder.cast(sums, to: .float32)
    guard function.has(7) else {
      if function.has(8) { throw .input(7, "is missing, but the zero point of Y is given") }
      return function.set(0, function.builder.mul(product, scale))
    }
    // One rounding for the quotient of the scales and one for the product, as onnxruntime rounds.
    scale = function.builder.div(scale, function.single(7))
    function.set(0, function.rounded(function.builder.mul(product, scale), zero: 8, like: 0))
  }
}
