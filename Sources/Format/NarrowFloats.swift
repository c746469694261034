/// A floating-point format of at most 8 bits: sign, exponent, fraction.
public protocol NarrowFloat: SmallFloat where Bits == UInt8 {
  static var layout: NarrowFloatLayout { get }
}

/// How the bits of a `NarrowFloat` are read.
public struct NarrowFloatLayout: Sendable {
  /// What lies beyond the largest finite value.
  public enum Specials: Sendable {
    /// Neither infinities nor NaN.
    case none
    /// Infinities and NaN in the highest exponent, as in IEEE 754.
    case ieee
    /// The highest code alone is NaN.
    case highestIsNaN
    /// The code of the negative zero is NaN, and there is no negative zero.
    case negativeZeroIsNaN
  }

  public let exponentBits: Int
  public let fractionBits: Int
  public let bias: Int
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

  /// The code of the nearest value, ties to even. Beyond the largest finite value it is that where
  /// `saturating`, else the infinity or NaN that the format has.
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
    // The unit of the last place there is 2^unit; from 2^lowest down they are all the same.
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
  /// The nearest value, ties to even; the largest finite one for what lies beyond (the default of
  /// the standard's Cast).
  @inlinable
  public init(_ value: Float) {
    self.init(bits: Self.layout.encode(value, saturating: true))
  }

  /// The nearest value, ties to even. Beyond the largest finite value it is that where `saturating`,
  /// else infinity or NaN where the format has them.
  @inlinable
  public init(_ value: Float, saturating: Bool) {
    self.init(bits: Self.layout.encode(value, saturating: saturating))
  }

  @inlinable public var float: Float { Self.layout.decode(bits) }
}

/// 4 bits of exponent, 3 of fraction; no infinities.
public struct Float8E4M3FN: NarrowFloat {
  public static var elementType: ElementType { .float8e4m3fn }
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 4, fractionBits: 3, bias: 7, specials: .highestIsNaN)
  }
  public let bits: UInt8
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// 4 bits of exponent, 3 of fraction; neither infinities nor a negative zero.
public struct Float8E4M3FNUZ: NarrowFloat {
  public static var elementType: ElementType { .float8e4m3fnuz }
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 4, fractionBits: 3, bias: 8, specials: .negativeZeroIsNaN)
  }
  public let bits: UInt8
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// 5 bits of exponent, 2 of fraction.
public struct Float8E5M2: NarrowFloat {
  public static var elementType: ElementType { .float8e5m2 }
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 5, fractionBits: 2, bias: 15, specials: .ieee)
  }
  public let bits: UInt8
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// 5 bits of exponent, 2 of fraction; neither infinities nor a negative zero.
public struct Float8E5M2FNUZ: NarrowFloat {
  public static var elementType: ElementType { .float8e5m2fnuz }
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 5, fractionBits: 2, bias: 16, specials: .negativeZeroIsNaN)
  }
  public let bits: UInt8
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// 2 bits of exponent, 1 of fraction; finite values only. The code lies in the lowest bits.
public struct Float4E2M1: NarrowFloat {
  public static var elementType: ElementType { .float4e2m1 }
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 2, fractionBits: 1, bias: 1, specials: .none)
  }
  public let bits: UInt8
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// 2 bits of exponent, 3 of fraction; finite values only. The code lies in the lowest bits.
public struct Float6E2M3: NarrowFloat {
  public static var elementType: ElementType { .float6e2m3 }
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 2, fractionBits: 3, bias: 1, specials: .none)
  }
  public let bits: UInt8
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// 3 bits of exponent, 2 of fraction; finite values only. The code lies in the lowest bits.
public struct Float6E3M2: NarrowFloat {
  public static var elementType: ElementType { .float6e3m2 }
  @inlinable public static var layout: NarrowFloatLayout {
    NarrowFloatLayout(exponentBits: 3, fractionBits: 2, bias: 3, specials: .none)
  }
  public let bits: UInt8
  @inlinable public init(bits: UInt8) { self.bits = bits }
}

/// 8 bits of exponent and nothing else: a power of two from 2⁻¹²⁷ to 2¹²⁷, or NaN.
public struct Float8E8M0: SmallFloat {
  /// What becomes of a value between two powers of two.
  public enum Rounding: Sendable { case up, down, nearest }

  public static var elementType: ElementType { .float8e8m0 }
  public let bits: UInt8
  @inlinable public init(bits: UInt8) { self.bits = bits }

  /// The next power of two up, 2¹²⁷ at most (the default of the standard's Cast).
  @inlinable public init(_ value: Float) {
    self.init(value, rounding: .up, saturating: true)
  }

  /// The power of two beside the magnitude. Beyond 2¹²⁷ it is that where `saturating`, else NaN;
  /// infinities become NaN. As the standard's reference has it, a tie goes up.
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
      // A tie between 0 and 1 goes to 0, the even code.
      case .nearest: fraction > 0x40_0000 || fraction == 0x40_0000 && exponent > 0
      }
    let isTop = exponent == 0xFE && saturating && rounding != .down
    self.init(bits: goesUp && !isTop ? exponent + 1 : exponent)
  }

  @inlinable public var float: Float {
    switch bits {
    case 0: Float(bitPattern: 0x40_0000)
    case 0xFF: .nan
    default: Float(bitPattern: UInt32(bits) << 23)
    }
  }
}
