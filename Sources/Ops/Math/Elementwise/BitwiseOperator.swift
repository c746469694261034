import ONNXFormat
import ONNXOperators

/// `y = f(a, b)` on the bits of integers, broadcast. Signed integers are treated as unsigned.
protocol BitwiseOperator: BinaryOperator {
  func apply<T: FixedWidthInteger>(_ a: T, _ b: T) -> T
}

extension BitwiseOperator {
  func loop(_ type: ElementType) -> AnyBinaryLoop? {
    guard TypeSet.integers.contains(type) else { return nil }
    return switch type.stride {
    case 1: loop(UInt8.self)
    case 2: loop(UInt16.self)
    case 4: loop(UInt32.self)
    default: loop(UInt64.self)
    }
  }

  private func loop<T: FixedWidthInteger & Sendable>(_ type: T.Type) -> AnyBinaryLoop {
    AnyBinaryLoop { (a: UnsafePointer<T>, aStep, b: UnsafePointer<T>, bStep, y, count) in
      mapRow(a, aStep, b, bStep, y, count) { self.apply($0, $1) }
    }
  }
}
