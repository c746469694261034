import ONNXFormat
import ONNXOperators

/// `y = a << b` or `a >> b`, depending on `direction`, broadcast.
///
/// Right shifts of signed integers are arithmetic. A shift count that is negative or not less than
/// the bit width gives 0 to the left, and 0 or −1, the sign, to the right.
struct BitShift: BinaryOperator, IntegerVisitor {
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
    type.dispatchInteger(to: self, ())
  }

  func visit<T: Element & FixedWidthInteger>(_ type: T.Type, _ context: Void) -> AnyBinaryLoop {
    let isLeft = isLeft
    return AnyBinaryLoop { (a: UnsafePointer<T>, aStep, b: UnsafePointer<T>, bStep, y, count) in
      for i in 0..<count {
        let (a, b) = (a[i * aStep], b[i * bStep])
        let isInside = b >= 0 && b < T(truncatingIfNeeded: T.bitWidth)
        let rest: T = isLeft || a >= 0 ? 0 : ~0
        y[i] = !isInside ? rest : isLeft ? a &<< b : a &>> b
      }
    }
  }
}
