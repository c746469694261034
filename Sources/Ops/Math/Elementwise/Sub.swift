import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = a − b`, broadcast.
struct Sub: ArithmeticOperator, DifferentiableOperator {
  static let schema = Schema("Sub", Sub.versions, inputs: 2...2)
  static var widening: Widening { .wrapping }
  static var neutralOperand: NeutralOperand? { .init(0, inputs: [1]) }
  let alignment: OperandAlignment

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a - b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a &- b }
  var vectorised: BinaryRowsLoop? { ck_sub_rows }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    if backward.wants(0) { try setBroadcast(0, gradient, &backward) }
    guard backward.wants(1) else { return }
    try setBroadcast(1, gradient, &backward)
    if let sum = backward.results[1] { backward.set(1, backward.builder.neg(sum)) }
  }
}

extension Sub: ChainedOperator {}
extension Sub {
  static func channelMap(
    _ node: Node, ofInput input: Int, _ constants: ChannelConstants
  ) -> ChannelMap? {
    input == 0 ? constants.operand(1).map { ChannelMap(adding: $0.map { -$0 }) } : nil
  }
}

extension Sub {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    quantizedArithmetic(site, &builder)
  }
}
