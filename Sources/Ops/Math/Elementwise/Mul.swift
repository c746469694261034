import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = a · b`, broadcast.
struct Mul: ArithmeticOperator, DifferentiableOperator {
  static let schema = Schema("Mul", Mul.versions, inputs: 2...2)
  static var widening: Widening { .wrapping }
  static var parameters: [ParameterInput] {
    [.init(0, .weight, isCertain: false), .init(1, .weight, isCertain: false)]
  }
  static var neutralOperand: NeutralOperand? { .init(1, inputs: [1, 0]) }
  let alignment: OperandAlignment

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a * b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a &* b }
  var vectorised: BinaryRowsLoop? { ck_mul_rows }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    for input in 0...1 where backward.wants(input) {
      let other = try operand(1 - input, &backward)
      try setBroadcast(input, backward.builder.mul(gradient, other), &backward)
    }
  }
}

extension Mul: AffineOperator {
  var affineRole: AffineRole { .product }
}

extension Mul: ChainedOperator {}
extension Mul {
  static func channelMap(
    _ node: Node, ofInput input: Int, _ constants: ChannelConstants
  ) -> ChannelMap? {
    constants.operand(1 - input).map { ChannelMap(factors: $0) }
  }
}

extension Mul {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    quantizedArithmetic(site, &builder)
  }
}
