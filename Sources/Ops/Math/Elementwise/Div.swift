import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = a / b`, broadcast. Integer division truncates towards zero; the smallest integer divided by
/// −1 is itself.
struct Div: ArithmeticOperator, DifferentiableOperator {
  static let schema = Schema("Div", Div.versions, inputs: 2...2)
  static var widening: Widening { .wrapping }
  static var neutralOperand: NeutralOperand? { .init(1, inputs: [1]) }
  let alignment: OperandAlignment

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try findLoop(call).kernel(rows(call))
      .rejectingZeros(in: 1, call.elementType(0), count: call.inputCount(1))
  }

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a / b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T {
    a.dividedReportingOverflow(by: b).partialValue
  }
  var vectorised: BinaryRowsLoop? { ck_div_rows }
  var cost: Int { 3 }

  /// `∂y/∂a = 1 / b`, `∂y/∂b = −y / b`
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let quotient = backward.builder.div(gradient, try operand(1, &backward))
    if backward.wants(0) { try setBroadcast(0, quotient, &backward) }
    guard backward.wants(1) else { return }
    try setBroadcast(1, backward.builder.mul(quotient, backward.output(0)), &backward)
    if let sum = backward.results[1] { backward.set(1, backward.builder.neg(sum)) }
  }
}

extension Div: ChainedOperator {}
extension Div {
  static func channelMap(
    _ node: Node, ofInput input: Int, _ constants: ChannelConstants
  ) -> ChannelMap? {
    guard input == 0, let divisors = constants.operand(1), !divisors.contains(0) else {
      return nil
    }
    return ChannelMap(factors: divisors.map { 1 / $0 })
  }
}

extension Div {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    quantizedArithmetic(site, &builder)
  }
}
