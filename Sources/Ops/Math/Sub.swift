import CKernels
import ONNXFormat
import RealModule

/// `y = a − b`, broadcast.
struct Sub: ArithmeticOperator {
  static let schema = Schema("Sub", Sub.versions, inputs: 2...2)
  let alignment: OperandAlignment

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a - b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a &- b }
  var vectorised: BinaryLoop<Float, Float, Float>? { ck_sub }
}
