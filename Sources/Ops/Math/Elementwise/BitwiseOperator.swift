import ONNXFormat
import ONNXOperators

/// `y = f(a, b)` on the bits of integers, broadcast. Signed integers are treated as unsigned.
protocol BitwiseOperator: BinaryOperator, WordVisitor
where Context == Void, Result == AnyBinaryLoop, Failure == Never {
  func apply<T: FixedWidthInteger>(_ a: T, _ b: T) -> T
}

extension BitwiseOperator {
  func loop(_ type: ElementType) -> AnyBinaryLoop? {
    guard TypeSet.integers.contains(type) else { return nil }
    return ElementType.dispatchWord(bytes: type.stride, to: self, ())
  }

  func visit<T: Element & FixedWidthInteger & UnsignedInteger>(
    _ type: T.Type, _ context: Void
  ) -> AnyBinaryLoop {
    AnyBinaryLoop { (a: UnsafePointer<T>, aStep, b: UnsafePointer<T>, bStep, y, count) in
      mapRow(a, aStep, b, bStep, y, count) { self.apply($0, $1) }
    }
  }
}
