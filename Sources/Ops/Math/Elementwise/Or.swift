import ONNXFormat
import ONNXOperators

/// `a or b` for truth values, broadcast.
struct Or: LogicalOperator {
  static let schema = Schema("Or", [1: .bool, 7: .bool], inputs: 2...2)
  let alignment: OperandAlignment

  func apply(_ a: UInt8, _ b: UInt8) -> UInt8 { a | b }
}
