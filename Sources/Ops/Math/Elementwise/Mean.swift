import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The elementwise mean of the inputs.
struct Mean: VariadicOperator, DifferentiableOperator {
  static let schema = Schema(
    "Mean",
    [
      1: .floats, 6: .floats, 8: .floats, 13: [.floats, .bfloat16],
    ], inputs: .atLeast(1))
  let inputs: VariadicInputs

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let last = LastStep(count: call.inputs.count)
    return try foldKernel(call, last: last.arithmeticLoop(call.elementType(0)))
  }

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a + b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a &+ b }
  var vectorised: BinaryRowsLoop? { ck_add_rows }

  /// Adds the last input and divides by the number of inputs.
  private struct LastStep: ArithmeticFunction {
    let count: Int

    func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { (a + b) / T(count) }
    func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let count = try backward.scalar(Double(backward.inputCount))
    let share = backward.builder.div(gradient, count)
    for input in 0..<backward.inputCount where backward.wants(input) {
      backward.setSum(input, share)
    }
  }
}
