import ONNXFormat

/// A set of element types.
public struct TypeSet: OptionSet, Sendable, Hashable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  public init(_ type: ElementType) { rawValue = 1 << UInt32(type.rawValue) }

  public func contains(_ type: ElementType) -> Bool { !isDisjoint(with: TypeSet(type)) }

  public static let float32 = TypeSet(.float32)
  public static let float64 = TypeSet(.float64)
  public static let float16 = TypeSet(.float16)
  public static let bfloat16 = TypeSet(.bfloat16)
  public static let bool = TypeSet(.bool)
  public static let string = TypeSet(.string)
  public static let int8 = TypeSet(.int8)
  public static let int16 = TypeSet(.int16)
  public static let int32 = TypeSet(.int32)
  public static let int64 = TypeSet(.int64)
  public static let uint8 = TypeSet(.uint8)
  public static let uint16 = TypeSet(.uint16)
  public static let uint32 = TypeSet(.uint32)
  public static let uint64 = TypeSet(.uint64)

  /// float16, float32, float64: the floating-point types before bfloat16 came.
  public static let floats: TypeSet = [.float16, .float32, .float64]
  public static let signedIntegers: TypeSet = [.int8, .int16, .int32, .int64]
  public static let unsignedIntegers: TypeSet = [.uint8, .uint16, .uint32, .uint64]
  public static let integers: TypeSet = [.signedIntegers, .unsignedIntegers]
  public static let complex: TypeSet = [TypeSet(.complex64), TypeSet(.complex128)]
  public static let float8s: TypeSet = [
    TypeSet(.float8e4m3fn), TypeSet(.float8e4m3fnuz), TypeSet(.float8e5m2),
    TypeSet(.float8e5m2fnuz),
  ]
  public static let int4s: TypeSet = [TypeSet(.int4), TypeSet(.uint4)]
  public static let int2s: TypeSet = [TypeSet(.int2), TypeSet(.uint2)]
  /// All types of opset 1: floats, integers, bool, string, complex.
  public static let classic: TypeSet = [.floats, .integers, .bool, .string, .complex]
  /// Every element type there is.
  public static let all = TypeSet(ElementType.allCases.dropFirst().map { TypeSet($0) })
}

extension TypeSet: CustomStringConvertible {
  public var description: String {
    ElementType.allCases.filter { contains($0) }.map(\.description).joined(separator: ", ")
  }
}
