import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The elementwise minimum of the inputs, NaN where any of them is NaN.
struct Min: VariadicOperator, DifferentiableOperator {
  static let schema = Schema(
    "Min",
    [
      1: .floats, 6: .floats, 8: .floats, 12: [.integers, .floats],
      13: [.integers, .floats, .bfloat16],
    ], inputs: .atLeast(1))
  static var widening: Widening { .exact }
  let inputs: VariadicInputs

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a < b || a.isNaN ? a : b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a < b ? a : b }
  var vectorised: BinaryRowsLoop? { ck_min_rows }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try shareAmongEqual(&backward)
  }
}
