import ONNXFormat
import ONNXOperators

/// The concatenation of quantised tensors. The inputs are the scale and zero point of the result, then
/// the elements, scale and zero point of each tensor.
struct QLinearConcat: FunctionOperator {
  static let schema = Schema(
    "QLinearConcat", domain: ContribOperators.domain, [1: .float32], inputs: .atLeast(5))
  let axis: Int
  private let tensors: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis")
    guard node.inputCount % 3 == 2 else {
      throw .invalid(
        "expected 2 inputs and 3 more for each tensor, got \(node.inputCount) inputs")
    }
    tensors = node.inputCount / 3
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var values: [String] = []
    for tensor in 0..<tensors {
      let first = 2 + 3 * tensor
      values.append(function.dequantized(first, scale: first + 1, zero: first + 2))
    }
    let y = function.node("Concat", values, [.int("axis", axis)])
    function.set(0, function.quantized(y, scale: 0, zero: 1, like: 2))
  }
}
