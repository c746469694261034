import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The nearest integer, rounding half to even.
struct Round: ElementwiseOperator, AttributeFreeOperator, FlatOperator {
  static let schema = Schema("Round", [11: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x.rounded(.toNearestOrEven) }
  var vectorised: UnaryLoop<Float, Float>? { ck_round }
}

extension Round {
  static var versionSteps: [VersionStep] {
    [
      .introduced(11) { change throws(OperatorError) in
        let type = try change.elementType(0)
        change.become("Identity", [try change.roundToEven(try change.input(0), type)])
      }
    ]
  }
}
