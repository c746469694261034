import ONNXFormat
import RealModule

/// `y = max(x, 0)`; a NaN stays one.
struct Relu: IntegerElementwiseOperator {
  static let schema = Schema(
    "Relu",
    [
      1: .floats, 6: .floats, 13: [.floats, .bfloat16],
      14: [.floats, .bfloat16, .signedIntegers],
    ], inputs: 1...1)

  init(_ node: inout NodeReader) throws(OperatorError) {
    // Opset 1 had `consumed_inputs`, a hint for in-place memory that means nothing here.
    if node.version == 1 { _ = try node.optionalInts("consumed_inputs") }
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x < 0 ? 0 : x }
  func apply<T: FixedWidthInteger>(integer x: T) -> T { x < 0 ? 0 : x }
}
