import CKernels
import ONNXFormat
import RealModule

/// `y = a · b`, broadcast.
struct Mul: ArithmeticOperator {
  static let schema = Schema("Mul", Mul.versions, inputs: 2...2)
  let alignment: OperandAlignment

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a * b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a &* b }
  var vectorised: BinaryLoop<Float, Float, Float>? { ck_mul }
}
