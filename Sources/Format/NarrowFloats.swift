/// A floating-point format of at most 8 bits with a sign, an exponent and a fraction.
public protocol NarrowFloat: SmallFloat where Bits == UInt8 {
  /// The widths of exponent and fraction, the bias and the special values.
  static var layout: NarrowFloatLayout { get }
}

/// The bit layout of a `NarrowFloat`.
public struct NarrowFloatLayout: Sendable {
  /// The values that are not finite, and how they are encoded.
  public enum Specials: Sendable {
    /// All values are finite.
    case none
    /// Infinities and NaN in the highest exponent, as in IEEE 754.
    case ieee
    /// The highest code is NaN; there are no infinities.
    case highestIsNaN
    /// The code of -0 is NaN; there are no infinities and no negative zero.
    case negativeZeroIsNaN
  }

  /// Bits of the exponent.
  public let exponentBits: Int
  /// Bits of the fraction.
  public let fractionBits: Int
  /// The exponent's code of 2⁰.
  public let bias: Int
  /// The values that are not finite.
  public let specials: Specials

  @inlinable
  init(exponentBits: Int, fractionBits: Int, bias: Int, specials: Specials) {
    self.exponentBits = exponentBits
    self.fractionBits = fractionBits
    self.bias = bias
    self.specials = specials
  }

  /// The code of -0.
  @inlinable var signBit: UInt8 { 1 << UInt8(exponentBits + fractionBits) }

  /// The code of the largest finite value.
  @inlinable var largest: UInt8 {
    switch specials {
    case .none, .negativeZeroIsNaN: signBit - 1
    case .ieee: signBit - 1 - (1 << UInt8(fractionBits))
    case .highestIsNaN: signBit - 2
    }
  }

  /// The code of the nearest value, ties to even. A value beyond the largest finite one becomes that if
  /// `saturating`, otherwise the format's infinity or NaN.
  @inlinable
  func encode(_ value: Float, saturating: Bool) -> UInt8 {
    let sign = value.sign == .minus ? signBit : 0
    if value.isNaN {
      switch specials {
      case .none: return signBit - sign
      case .ieee: return sign | (signBit - (1 << UInt8(fractionBits - 1)))
      case .highestIsNaN: return sign | (signBit - 1)
      case .negativeZeroIsNaN: return signBit
      }
    }
    // The unit in the last place is 2^unit. Below 2^lowest, the subnormals share one unit.
    let lowest = 1 - bias
    let exponent = max(Int(value.bitPattern >> 23 & 0xFF) - 127, lowest)
    let unit = exponent - fractionBits
    let count = (value.magnitude * Float(sign: .plus, exponent: -unit, significand: 1))
      .rounded(.toNearestOrEven)
    let code =
      value.isInfinite ? Int.max : (exponent - lowest) << fractionBits + Int(count)
    if code <= Int(largest) {
      let isZero = code == 0 && specials == .negativeZeroIsNaN
      return isZero ? 0 : sign | UInt8(code)
    }
    if saturating { return sign | largest }
    switch specials {
    case .none: return sign | largest
    case .ieee, .highestIsNaN: return sign | (largest + 1)
    case .negativeZeroIsNaN: return signBit
    }
  }

  /// The value of a code.
  @inlinable
  func decode(_ bits: UInt8) -> Float {
    let magnitude = bits & (signBit - 1)
    let isNegative = bits & signBit != 0
    if magnitude > largest {
      let isInfinity = specials == .ieee && magnitude == largest + 1
      return isInfinity ? (isNegative ? -.infinity : .infinity) : (isNegative ? -.nan : .nan)
    }
    if specials == .negativeZeroIsNaN, isNegative, magnitude == 0 { return -.nan }
    let fraction = UInt32(magnitude) & ((1 << UInt32(fractionBits)) - 1)
    let exponent = Int(magnitude) >> fractionBits
    let value: Float
    if exponent == 0 {
      value =
        Float(fraction)
        * Float(sign: .plus, exponent: 1 - bias - fractionBits, significand: 1)
    } else {
      value = Float(
        bitPattern: UInt32(exponent - bias + 127) << 23 | fraction << UInt32(23 - fractionBits))
    }
    return isNegative ? -value : value
  }
}

extension NarrowFloat {
  /// The nearest value, ties to even. A value beyond the largest finite one becomes that, as in the
  /// standard's Cast by default.
  @inlinable
  public init(_ value: Float) {
    self.init(bits: Self.layout.encode(value, saturating: true))
  }

  /// The nearest value, ties to even. A value beyond the largest finite one becomes that if
  /// `saturating`, otherwise the format's infinity or NaN.
  @inlinable
  public init(_ value: Float, saturating: Bool) {
    self.init(bits: Self.layout.encode(value, saturating: saturating))
  }

  /// The value as a `Float`, exactly.
  @inlinable public var float: Float { Self.layout.decode(bits) }
}

/// A float of 8 bits: 4 of exponent, 3 of fraction; no infinities.
public struct Float8E4M3FN: NarrowFloat {
  /// float8e4m3fn.
  public static var elementType: ElementType { .float8e4m3fn }
  /// The bit layout.
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 4, fractionBits: 3, bias: 7, specials: .highestIsNaN)
  }
  /// The code.
  public let bits: UInt8
  /// The value with that code.
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// A float of 8 bits: 4 of exponent, 3 of fraction; neither infinities nor a negative zero.
public struct Float8E4M3FNUZ: NarrowFloat {
  /// float8e4m3fnuz.
  public static var elementType: ElementType { .float8e4m3fnuz }
  /// The bit layout.
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 4, fractionBits: 3, bias: 8, specials: .negativeZeroIsNaN)
  }
  /// The code.
  public let bits: UInt8
  /// The value with that code.
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// A float of 8 bits: 5 of exponent, 2 of fraction.
public struct Float8E5M2: NarrowFloat {
  /// float8e5m2.
  public static var elementType: ElementType { .float8e5m2 }
  /// The bit layout.
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 5, fractionBits: 2, bias: 15, specials: .ieee)
  }
  /// The code.
  public let bits: UInt8
  /// The value with that code.
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// A float of 8 bits: 5 of exponent, 2 of fraction; neither infinities nor a negative zero.
public struct Float8E5M2FNUZ: NarrowFloat {
  /// float8e5m2fnuz.
  public static var elementType: ElementType { .float8e5m2fnuz }
  /// The bit layout.
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 5, fractionBits: 2, bias: 16, specials: .negativeZeroIsNaN)
  }
  /// The code.
  public let bits: UInt8
  /// The value with that code.
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// A float of 4 bits, the lowest of a byte: 2 of exponent, 1 of fraction; finite values only.
public struct Float4E2M1: NarrowFloat {
  /// float4e2m1.
  public static var elementType: ElementType { .float4e2m1 }
  /// The bit layout.
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 2, fractionBits: 1, bias: 1, specials: .none)
  }
  /// The code.
  public let bits: UInt8
  /// The value with that code.
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// A float of 6 bits, the lowest of a byte: 2 of exponent, 3 of fraction; finite values only.
public struct Float6E2M3: NarrowFloat {
  /// float6e2m3.
  public static var elementType: ElementType { .float6e2m3 }
  /// The bit layout.
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 2, fractionBits: 3, bias: 1, specials: .none)
  }
  /// The code.
  public let bits: UInt8
  /// The value with that code.
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// A float of 6 bits, the lowest of a byte: 3 of exponent, 2 of fraction; finite values only.
public struct Float6E3M2: NarrowFloat {
  /// float6e3m2.
  public static var elementType: ElementType { .float6e3m2 }
  /// The bit layout.
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 3, fractionBits: 2, bias: 3, specials: .none)
  }
  /// The code.
  public let bits: UInt8
  /// The value with that code.
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// A float of 8 bits, all of them exponent: a power of two from 2⁻¹²⁷ to 2¹²⁷, or NaN.
public struct Float8E8M0: SmallFloat {
  /// The rounding of a value between two powers of two.
  public enum Rounding: Sendable {
    /// The next power of two, larger or equal.
    case up
    /// The last power of two, smaller or equal.
    case down
    /// The nearest power of two; the larger of two that are equally near.
    case nearest
  }

  /// float8e8m0.
  public static var elementType: ElementType { .float8e8m0 }
  /// The code.
  public let bits: UInt8
  /// The value with that code.
  @inlinable public init(bits: UInt8) { self.bits = bits }

  /// The next power of two up, at most 2¹²⁷, as in the standard's Cast by default.
  @inlinable public init(_ value: Float) {
    self.init(value, rounding: .up, saturating: true)
  }

  /// The magnitude, rounded to a power of two. A magnitude beyond 2¹²⁷ becomes that if `saturating`,
  /// otherwise NaN; an infinity becomes NaN. The nearest power to a value halfway between two is the
  /// larger one, as in the standard's reference.
  @inlinable
  public init(_ value: Float, rounding: Rounding, saturating: Bool) {
    let pattern = value.bitPattern
    let exponent = UInt8(truncatingIfNeeded: pattern >> 23)
    let fraction = pattern & 0x7F_FFFF
    guard exponent != 0xFF else {
      self.init(bits: 0xFF)
      return
    }
    let goesUp =
      switch rounding {
      case .up: fraction > 0
      case .down: false
      // Halfway between the codes 0 and 1 is rounded to 0.
      case .nearest: fraction > 0x40_0000 || fraction == 0x40_0000 && exponent > 0
      }
    let isTop = exponent == 0xFE && saturating && rounding != .down
    self.init(bits: goesUp && !isTop ? exponent + 1 : exponent)
  }

  /// The value as a `Float`, exactly.
  @inlinable public var float: Float {
    switch bits {
    case 0: Float(bitPattern: 0x40_0000)
    case 0xFF: .nan
    default: Float(bitPattern: UInt32(bits) << 23)
    }
  }
}
