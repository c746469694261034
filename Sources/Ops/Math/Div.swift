import CKernels
import ONNXFormat
import RealModule

/// `y = a / b`, broadcast; of integers towards zero, and the least one by −1 is itself.
struct Div: ArithmeticOperator {
  static let schema = Schema("Div", Div.versions, inputs: 2...2)
  let alignment: OperandAlignment

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try findLoop(call).kernel(rows(call))
      .rejectingZeros(in: 1, call.elementType(0), count: call.inputCount(1))
  }

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a / b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T {
    a.dividedReportingOverflow(by: b).partialValue
  }
  var vectorised: BinaryLoop<Float, Float, Float>? { ck_div }
  var cost: Int { 3 }
}
