import ONNXFormat
import ONNXOperators

/// The cumulative product along an axis.
struct CumProd: CumulativeOperator {
  static let schema = Schema(
    "CumProd", [26: [.floats, .bfloat16, .wideIntegers]], inputs: 2...2)
  let options: CumulativeOptions

  init(_ options: CumulativeOptions) { self.options = options }

  static var identity: Int { 1 }
  static func combine<T: ArithmeticElement>(_ a: T, _ b: T) -> T { .multiply(a, b) }
}

extension CumProd {
  static var versionSteps: [VersionStep] { [.cumulative(26, by: "Mul", from: 1)] }
}
