import ONNXFormat
import ONNXOperators

/// `y = a ^ b`, bitwise, broadcast.
struct BitwiseXor: BitwiseOperator {
  static let schema = Schema("BitwiseXor", [18: .integers], inputs: 2...2)
  let alignment: OperandAlignment

  func apply<T: FixedWidthInteger>(_ a: T, _ b: T) -> T { a ^ b }
}
