import ONNXFormat
import ONNXOperators

/// `y = f(a, b)`, a truth value for each pair of elements, broadcast.
protocol ComparisonOperator: BinaryOperator {
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
    switch type {
    case .float32: AnyBinaryLoop(loop(Float.self))
    case .float64: AnyBinaryLoop(loop(Double.self))
    case .float16: AnyBinaryLoop(wideLoop(Float16.self))
    case .bfloat16: AnyBinaryLoop(wideLoop(BFloat16.self))
    case .int8: AnyBinaryLoop(loop(Int8.self))
    case .int16: AnyBinaryLoop(loop(Int16.self))
    case .int32: AnyBinaryLoop(loop(Int32.self))
    case .int64: AnyBinaryLoop(loop(Int64.self))
    case .uint8: AnyBinaryLoop(loop(UInt8.self))
    case .uint16: AnyBinaryLoop(loop(UInt16.self))
    case .uint32: AnyBinaryLoop(loop(UInt32.self))
    case .uint64: AnyBinaryLoop(loop(UInt64.self))
    default: nil
    }
  }

  private func loop<T: Comparable & Sendable>(_ type: T.Type) -> BinaryLoop<T, T, UInt8> {
    { a, aStep, b, bStep, y, count in
      mapRow(a, aStep, b, bStep, y, count) { self.compare($0, $1) ? 1 : 0 }
    }
  }

  private func wideLoop<T: HalfFloat>(_ type: T.Type) -> BinaryLoop<T, T, UInt8> {
    let loop = loop(Float.self)
    return { a, aStep, b, bStep, y, count in
      T.withBlocks(2) { left in
        let right = left + T.block
        if aStep == 0 { T.widen(a, left, 1) }
        if bStep == 0 { T.widen(b, right, 1) }
        for start in stride(from: 0, to: count, by: T.block) {
          let size = min(T.block, count - start)
          if aStep != 0 { T.widen(a + start, left, size) }
          if bStep != 0 { T.widen(b + start, right, size) }
          loop(left, aStep, right, bStep, y + start, size)
        }
      }
    }
  }
}
