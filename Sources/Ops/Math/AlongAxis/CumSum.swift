import ONNXFormat
import ONNXOperators

/// The cumulative sum along an axis.
struct CumSum: CumulativeOperator, DifferentiableOperator {
  static let schema = Schema(
    "CumSum",
    [
      11: [.float32, .float64, .wideIntegers], 14: [.floats, .bfloat16, .wideIntegers],
    ], inputs: 2...2)
  static var widening: Widening { .wrapping }
  let options: CumulativeOptions

  init(_ options: CumulativeOptions) { self.options = options }

  static var identity: Int { 0 }
  static func combine<T: ArithmeticElement>(_ a: T, _ b: T) -> T { .add(a, b) }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let attributes: [Attribute] = [
      .int("exclusive", options.isExclusive ? 1 : 0),
      .int("reverse", options.isReversed ? 0 : 1),
    ]
    backward.set(
      0, backward.builder.node("CumSum", [gradient, backward.input(1)], attributes))
  }
}

extension CumSum {
  static var versionSteps: [VersionStep] { [.cumulative(11, by: "Add", from: 0)] }
}
