import ONNXFormat
import ONNXOperators

/// `a and b` for truth values, broadcast.
struct And: LogicalOperator {
  static let schema = Schema("And", [1: .bool, 7: .bool], inputs: 2...2)
  let alignment: OperandAlignment

  func apply(_ a: UInt8, _ b: UInt8) -> UInt8 { a & b }
}
