import ONNXFormat
import ONNXOperators

/// True where `x` is NaN.
struct IsNaN: ClassificationOperator, AttributeFreeOperator {
  static let schema = Schema(
    "IsNaN",
    [9: .floats, 13: [.floats, .bfloat16], 20: [.floats, .bfloat16, .float8s]], inputs: 1...1)

  func test<T: BinaryFloatingPoint>(_ x: T) -> Bool { x.isNaN }
}

extension IsNaN {
  static var versionSteps: [VersionStep] {
    [
      .introduced(9) { change throws(OperatorError) in
        let type = try change.elementType(0)
        change.become("Not", [try change.isNumber(try change.input(0), type)])
      }
    ]
  }
}
