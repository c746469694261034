import ONNXFormat
import ONNXOperators

/// `y = f(a, b)` on truth values, broadcast.
protocol LogicalOperator: BinaryOperator {
  /// The function on 0 and 1.
  func apply(_ a: UInt8, _ b: UInt8) -> UInt8
}

extension LogicalOperator {
  func loop(_ type: ElementType) -> AnyBinaryLoop? {
    guard type == .bool else { return nil }
    return AnyBinaryLoop {
      (a: UnsafePointer<UInt8>, aStep, b: UnsafePointer<UInt8>, bStep, y, count) in
      // A file may store true as any nonzero byte.
      mapRow(a, aStep, b, bStep, y, count) { self.apply($0 == 0 ? 0 : 1, $1 == 0 ? 0 : 1) }
    }
  }
}
