import ONNXFormat

/// Whether `x` is not a number.
struct IsNaN: ClassificationOperator, AttributeFreeOperator {
  static let schema = Schema(
    "IsNaN",
    [9: .floats, 13: [.floats, .bfloat16], 20: [.floats, .bfloat16, .float8s]], inputs: 1...1)

  func test<T: BinaryFloatingPoint>(_ x: T) -> Bool { x.isNaN }
}
