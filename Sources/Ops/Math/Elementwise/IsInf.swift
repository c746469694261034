import ONNXFormat
import ONNXOperators

/// True where `x` is ∞ or −∞; `detect_positive` and `detect_negative` select the signs.
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

extension IsInf {
  static var versionSteps: [VersionStep] {
    [
      .introduced(10) { change throws(OperatorError) in
        let x = try change.input(0)
        let type = try change.elementType(0)
        let largest =
          switch type {
          case .float64: Double.greatestFiniteMagnitude
          case .float16: Double(Float16.greatestFiniteMagnitude)
          // The largest finite bfloat16.
          case .bfloat16: Double(Float(bitPattern: 0x7F7F_0000))
          default: Double(Float.greatestFiniteMagnitude)
          }
        let finds = [
          try change.int("detect_positive") ?? 1, try change.int("detect_negative") ?? 1,
        ]
        let isMore = change.emit(
          "Greater", [x, finds[0] != 0 ? try change.scalar(largest, type, "largest") : x])
        let isLess = change.emit(
          "Less", [x, finds[1] != 0 ? try change.scalar(-largest, type, "least") : x])
        change.become("Or", [isMore, isLess])
      }
    ]
  }
}
