/// A floating-point format that Swift lacks. Arithmetic on it runs in `Float`.
public protocol SmallFloat: Element {
  /// The unsigned integer that holds the code.
  associatedtype Bits: FixedWidthInteger & UnsignedInteger & Sendable
  /// The code.
  var bits: Bits { get }
  /// The value with that code.
  init(bits: Bits)
  /// The nearest value, ties to even. Each format says what a value beyond its largest becomes.
  init(_ value: Float)
  /// The value as a `Float`, exactly.
  var float: Float { get }
}

extension SmallFloat {
  /// 0.
  public static var zero: Self { Self(bits: 0) }
}

/// The upper half of a `Float`: 16 bits, of which 8 of exponent and 7 of fraction.
public struct BFloat16: SmallFloat {
  /// bfloat16.
  public static var elementType: ElementType { .bfloat16 }
  /// The code.
  public let bits: UInt16
  /// The value with that code.
  @inlinable public init(bits: UInt16) { self.bits = bits }
  /// The nearest value, ties to even; an infinity for a value beyond the largest.
  @inlinable public init(_ value: Float) {
    let pattern = value.bitPattern
    if value.isNaN {
      bits = UInt16(truncatingIfNeeded: pattern >> 16) | 0x40
    } else {
      let rounded = pattern &+ 0x7FFF &+ (pattern >> 16 & 1)
      bits = UInt16(truncatingIfNeeded: rounded >> 16)
    }
  }
  /// The value as a `Float`, exactly.
  @inlinable public var float: Float { Float(bitPattern: UInt32(bits) << 16) }
}
