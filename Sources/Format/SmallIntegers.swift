/// An integer of less than a byte, kept in one: the standard's `INT4`, `UINT4`, `INT2`, `UINT2`.
public protocol SmallInteger: Element, Hashable, Comparable {
  associatedtype RawValue: FixedWidthInteger & Sendable
  static var bitWidth: Int { get }
  var rawValue: RawValue { get }
  /// - Precondition: the value fits.
  init(rawValue: RawValue)
}

extension SmallInteger {
  public static var zero: Self { Self(rawValue: 0) }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  /// The value of the lowest bits, sign-extended where the type has a sign.
  public init(truncating bits: UInt8) {
    let shift = UInt8(8 - Self.bitWidth)
    let top = bits << shift
    self.init(
      rawValue: RawValue.isSigned
        ? RawValue(truncatingIfNeeded: Int8(bitPattern: top) >> Int8(shift))
        : RawValue(truncatingIfNeeded: top >> shift))
  }
}

public struct Int4: SmallInteger {
  public static var elementType: ElementType { .int4 }
  public static var bitWidth: Int { 4 }
  public let rawValue: Int8
  public init(rawValue: Int8) { self.rawValue = rawValue }
}

public struct UInt4: SmallInteger {
  public static var elementType: ElementType { .uint4 }
  public static var bitWidth: Int { 4 }
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
}

public struct Int2: SmallInteger {
  public static var elementType: ElementType { .int2 }
  public static var bitWidth: Int { 2 }
  public let rawValue: Int8
  public init(rawValue: Int8) { self.rawValue = rawValue }
}

public struct UInt2: SmallInteger {
  public static var elementType: ElementType { .uint2 }
  public static var bitWidth: Int { 2 }
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
}
