/// An integer of 4 or 2 bits, held in a byte.
public protocol SmallInteger: Element, Hashable, Comparable {
  /// The integer of a byte that holds the value.
  associatedtype RawValue: FixedWidthInteger & Sendable
  /// The number of bits that count: 4 or 2.
  static var bitWidth: Int { get }
  /// The value.
  var rawValue: RawValue { get }
  /// Creates an integer.
  /// - Precondition: the value fits into `bitWidth` bits.
  init(rawValue: RawValue)
}

extension SmallInteger {
  /// 0.
  public static var zero: Self { Self(rawValue: 0) }
  /// Whether `a` is less than `b`.
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  /// The value of the lowest `bitWidth` bits, sign-extended if the type is signed.
  public init(truncating bits: UInt8) {
    let shift = UInt8(8 - Self.bitWidth)
    let top = bits << shift
    self.init(
      rawValue: RawValue.isSigned
        ? RawValue(truncatingIfNeeded: Int8(bitPattern: top) >> Int8(shift))
        : RawValue(truncatingIfNeeded: top >> shift))
  }
}

/// A signed integer of 4 bits: −8 to 7.
public struct Int4: SmallInteger {
  /// int4.
  public static var elementType: ElementType { .int4 }
  /// The number of bits.
  public static var bitWidth: Int { 4 }
  /// The value.
  public let rawValue: Int8
  /// Creates an integer.
  /// - Precondition: the value is in range.
  public init(rawValue: Int8) { self.rawValue = rawValue }
}

/// An unsigned integer of 4 bits: 0 to 15.
public struct UInt4: SmallInteger {
  /// uint4.
  public static var elementType: ElementType { .uint4 }
  /// The number of bits.
  public static var bitWidth: Int { 4 }
  /// The value.
  public let rawValue: UInt8
  /// Creates an integer.
  /// - Precondition: the value is in range.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// A signed integer of 2 bits: −2 to 1.
public struct Int2: SmallInteger {
  /// int2.
  public static var elementType: ElementType { .int2 }
  /// The number of bits.
  public static var bitWidth: Int { 2 }
  /// The value.
  public let rawValue: Int8
  /// Creates an integer.
  /// - Precondition: the value is in range.
  public init(rawValue: Int8) { self.rawValue = rawValue }
}

/// An unsigned integer of 2 bits: 0 to 3.
public struct UInt2: SmallInteger {
  /// uint2.
  public static var elementType: ElementType { .uint2 }
  /// The number of bits.
  public static var bitWidth: Int { 2 }
  /// The value.
  public let rawValue: UInt8
  /// Creates an integer.
  /// - Precondition: the value is in range.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
}
