import ONNXFormat
import ONNXOperators

/// `y = a << b` or `a >> b`, depending on `direction`, broadcast.
///
/// Right shifts of signed integers are arithmetic. A shift count that is negative or not less than
/// the bit width gives 0 to the left, and 0 or −1, the sign, to the right.
struct BitShift: BinaryOperator {
  static let schema = Schema("BitShift", [11: .unsignedIntegers, 28: .integers], inputs: 2...2)
  let alignment: OperandAlignment
  private var isLeft = true

  init(alignment: OperandAlignment) { self.alignment = alignment }

  init(_ node: inout NodeReader) throws(OperatorError) {
    alignment = .numpy
    let direction = try node.string("direction")
    guard direction == "LEFT" || direction == "RIGHT" else {
      throw .attribute("direction", "expected LEFT or RIGHT, got '\(direction)'")
    }
    isLeft = direction == "LEFT"
  }

  func loop(_ type: ElementType) -> AnyBinaryLoop? {
    switch type {
    case .int8: loop(Int8.self)
    case .int16: loop(Int16.self)
    case .int32: loop(Int32.self)
    case .int64: loop(Int64.self)
    case .uint8: loop(UInt8.self)
    case .uint16: loop(UInt16.self)
    case .uint32: loop(UInt32.self)
    case .uint64: loop(UInt64.self)
    default: nil
    }
  }

  private func loop<T: FixedWidthInteger & Sendable>(_ type: T.Type) -> AnyBinaryLoop {
    let isLeft = isLeft
    return AnyBinaryLoop { (a: UnsafePointer<T>, aStep, b: UnsafePointer<T>, bStep, y, count) in
      mapRow(a, aStep, b, bStep, y, count) { a, b in
        let isInside = b >= 0 && b < T(truncatingIfNeeded: T.bitWidth)
        if isLeft { return isInside ? a &<< b : 0 }
        return isInside ? a &>> b : a < 0 ? ~0 : 0
      }
    }
  }
}
