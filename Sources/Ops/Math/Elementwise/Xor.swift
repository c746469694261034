import ONNXFormat
import ONNXOperators

/// `a xor b` for truth values, broadcast.
struct Xor: LogicalOperator {
  static let schema = Schema("Xor", [1: .bool, 7: .bool], inputs: 2...2)
  let alignment: OperandAlignment

  func apply(_ a: UInt8, _ b: UInt8) -> UInt8 { a ^ b }
}
