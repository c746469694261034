import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = a + b`, broadcast.
struct Add: ArithmeticOperator, DifferentiableOperator {
  static let schema = Schema("Add", Add.versions, inputs: 2...2)
  static var widening: Widening { .wrapping }
  static var eightBitForm: EightBitForm { .ownScale }
  static var parameters: [ParameterInput] {
    [.init(0, .bias, isCertain: false), .init(1, .bias, isCertain: false)]
  }
  static var neutralOperand: NeutralOperand? { .init(0, inputs: [1, 0]) }
  let alignment: OperandAlignment

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a + b }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a &+ b }
  var vectorised: BinaryRowsLoop? { ck_add_rows }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    for input in 0...1 where backward.wants(input) {
      try setBroadcast(input, gradient, &backward)
    }
  }
}

extension ArithmeticOperator {
  /// The versions of the four arithmetic operators.
  static var versions: KeyValuePairs<Int, TypeSet> {
    [
      1: .floats, 6: [.floats, .wideIntegers], 7: [.floats, .wideIntegers],
      13: [.floats, .bfloat16, .wideIntegers], 14: [.floats, .bfloat16, .integers],
    ]
  }
}

extension TypeSet {
  /// The integers of 32 and 64 bits.
  static let wideIntegers: TypeSet = [.int32, .int64, .uint32, .uint64]
}

extension Add: AffineOperator {
  var affineRole: AffineRole { .sum }
}

extension Add: ChainedOperator {}
extension Add {
  static func channelMap(
    _ node: Node, ofInput input: Int, _ constants: ChannelConstants
  ) -> ChannelMap? {
    constants.operand(1 - input).map { ChannelMap(adding: $0) }
  }
}

extension Add {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    quantizedArithmetic(site, &builder)
  }
}
