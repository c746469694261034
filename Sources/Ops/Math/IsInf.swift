import ONNXFormat

/// Whether `x` is ∞ or −∞, as far as each is asked for.
struct IsInf: ClassificationOperator {
  static let schema = Schema(
    "IsInf", [10: [.float32, .float64], 20: [.floats, .bfloat16, .float8s]], inputs: 1...1)
  private let detectsPositive: Bool
  private let detectsNegative: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    detectsPositive = try node.flag("detect_positive", default: true)
    detectsNegative = try node.flag("detect_negative", default: true)
  }

  func test<T: BinaryFloatingPoint>(_ x: T) -> Bool {
    x == .infinity && detectsPositive || x == -.infinity && detectsNegative
  }
}
