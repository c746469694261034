import ONNXFormat
import ONNXOperators

/// `y = f(a, b)`, a truth value for each pair of elements, broadcast.
protocol ComparisonOperator: BinaryOperator, WideVisitor
where WideContext == Void, WideResult == AnyBinaryLoop {
  func compare<T: Comparable>(_ a: T, _ b: T) -> Bool
}

extension ComparisonOperator {
  static var widening: Widening { .exact }
  var overwritableInputs: [Int] { [] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(.bool, try inferShape(inputs))]
  }

  func loop(_ type: ElementType) -> AnyBinaryLoop? { comparisonLoop(type) }

  /// The loop for a numeric type, or `nil` for any other type.
  func comparisonLoop(_ type: ElementType) -> AnyBinaryLoop? {
    type.dispatchWide(to: self, ())
  }

  func visit<W: ArithmeticElement>(_ elements: WideElements<W>, _ context: Void) -> AnyBinaryLoop {
    elements.reading { a, aStep, b, bStep, y, count in
      mapRow(a, aStep, b, bStep, y, count) { self.compare($0, $1) ? 1 : 0 }
    }
  }
}

extension WideElements {
  /// The loop over elements of the original type, converted a block at a time.
  @inline(never)
  fileprivate func reading(_ loop: @escaping BinaryLoop<W, W, UInt8>) -> AnyBinaryLoop {
    guard conversion != nil else { return AnyBinaryLoop(loop) }
    // An unsigned integer of the element's size stands in for its type in address arithmetic.
    return switch stride {
    case 1: reading(UInt8.self, loop)
    case 2: reading(UInt16.self, loop)
    default: reading(UInt32.self, loop)
    }
  }

  private func reading<E: Sendable>(
    _ size: E.Type, _ loop: @escaping BinaryLoop<W, W, UInt8>
  ) -> AnyBinaryLoop {
    AnyBinaryLoop { (a: UnsafePointer<E>, aStep, b: UnsafePointer<E>, bStep, y, count) in
      withUnsafeTemporaryAllocation(of: W.self, capacity: 2 * Self.block) { memory in
        guard let left = memory.baseAddress else { return }
        let right = left + Self.block
        for start in Swift.stride(from: 0, to: count, by: Self.block) {
          let size = min(Self.block, count - start)
          if start == 0 || aStep != 0 { _ = read(a + start * aStep, aStep == 0 ? 1 : size, left) }
          if start == 0 || bStep != 0 { _ = read(b + start * bStep, bStep == 0 ? 1 : size, right) }
          loop(left, aStep, right, bStep, y + start, size)
        }
      }
    }
  }
}
