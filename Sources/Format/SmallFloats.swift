/// A floating-point format that Swift does not have; arithmetic happens in `Float`.
public protocol SmallFloat: Element {
  associatedtype Bits: FixedWidthInteger & UnsignedInteger & Sendable
  var bits: Bits { get }
  init(bits: Bits)
  /// Nearest value, ties to even; beyond the largest, NaN or infinity as the format has it.
  init(_ value: Float)
  var float: Float { get }
}

extension SmallFloat {
  public static var zero: Self { Self(bits: 0) }
}

/// The upper half of a `Float`: 8 bits of exponent, 7 of fraction.
public struct BFloat16: SmallFloat {
  public static var elementType: ElementType { .bfloat16 }
  public let bits: UInt16
  @inlinable public init(bits: UInt16) { self.bits = bits }
  @inlinable public init(_ value: Float) {
    let pattern = value.bitPattern
    if value.isNaN {
      bits = UInt16(truncatingIfNeeded: pattern >> 16) | 0x40
    } else {
      let rounded = pattern &+ 0x7FFF &+ (pattern >> 16 & 1)
      bits = UInt16(truncatingIfNeeded: rounded >> 16)
    }
  }
  @inlinable public var float: Float { Float(bitPattern: UInt32(bits) << 16) }
}
