import ONNXFormat

/// A set of element types.
public struct TypeSet: OptionSet, Sendable, Hashable {
  /// A bit for each type, at the position of its raw value.
  public let rawValue: UInt32
  /// The set with these bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// The set of a single type.
  public init(_ type: ElementType) { rawValue = 1 << UInt32(type.rawValue) }

  /// Whether a type is in the set.
  public func contains(_ type: ElementType) -> Bool { !isDisjoint(with: TypeSet(type)) }

  /// float32 only.
  public static let float32 = TypeSet(.float32)
  /// float64 only.
  public static let float64 = TypeSet(.float64)
  /// float16 only.
  public static let float16 = TypeSet(.float16)
  /// bfloat16 only.
  public static let bfloat16 = TypeSet(.bfloat16)
  /// bool only.
  public static let bool = TypeSet(.bool)
  /// string only.
  public static let string = TypeSet(.string)
  /// int8 only.
  public static let int8 = TypeSet(.int8)
  /// int16 only.
  public static let int16 = TypeSet(.int16)
  /// int32 only.
  public static let int32 = TypeSet(.int32)
  /// int64 only.
  public static let int64 = TypeSet(.int64)
  /// uint8 only.
  public static let uint8 = TypeSet(.uint8)
  /// uint16 only.
  public static let uint16 = TypeSet(.uint16)
  /// uint32 only.
  public static let uint32 = TypeSet(.uint32)
  /// uint64 only.
  public static let uint64 = TypeSet(.uint64)

  /// float16, float32 and float64, the floating-point types of operator set 1.
  public static let floats: TypeSet = [.float16, .float32, .float64]
  /// int8, int16, int32 and int64.
  public static let signedIntegers: TypeSet = [.int8, .int16, .int32, .int64]
  /// uint8, uint16, uint32 and uint64.
  public static let unsignedIntegers: TypeSet = [.uint8, .uint16, .uint32, .uint64]
  /// Signed and unsigned integers of 8 to 64 bits.
  public static let integers: TypeSet = [.signedIntegers, .unsignedIntegers]
  /// complex64 and complex128.
  public static let complex: TypeSet = [TypeSet(.complex64), TypeSet(.complex128)]
  /// The four float8 types with a mantissa.
  public static let float8s: TypeSet = [
    TypeSet(.float8e4m3fn), TypeSet(.float8e4m3fnuz), TypeSet(.float8e5m2),
    TypeSet(.float8e5m2fnuz),
  ]
  /// int4 and uint4.
  public static let int4s: TypeSet = [TypeSet(.int4), TypeSet(.uint4)]
  /// int2 and uint2.
  public static let int2s: TypeSet = [TypeSet(.int2), TypeSet(.uint2)]
  /// All types of operator set 1: floats, integers, bool, string, complex.
  public static let classic: TypeSet = [.floats, .integers, .bool, .string, .complex]
  /// All element types.
  public static let all = TypeSet(ElementType.allCases.dropFirst().map { TypeSet($0) })
}

extension TypeSet: CustomStringConvertible {
  /// The names of the types, separated by commas.
  public var description: String {
    ElementType.allCases.filter { contains($0) }.map(\.description).joined(separator: ", ")
  }
}
