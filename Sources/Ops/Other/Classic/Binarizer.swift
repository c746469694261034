import ONNXFormat
import ONNXOperators
import ONNXShape
import RealModule

/// `y = 1` where `x > threshold`, else 0.
struct Binarizer: IntegerElementwiseOperator {
  static let schema = Schema(
    "Binarizer", domain: "ai.onnx.ml", [1: [.float32, .float64, .int64, .int32]], inputs: 1...1)
  let threshold: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    threshold = try node.float("threshold", default: 0)
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x > T(threshold) ? 1 : 0 }
  func apply<T: FixedWidthInteger>(integer x: T) -> T { Double(x) > Double(threshold) ? 1 : 0 }
}
