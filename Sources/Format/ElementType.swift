/// An element type of the ONNX standard. The raw value is its number in `TensorProto.DataType`.
public enum ElementType: Int32, Sendable, Hashable, CaseIterable {
  /// No element type.
  case undefined = 0
  /// IEEE 754 binary32, `Float`.
  case float32 = 1
  /// Integers from 0 to 255.
  case uint8 = 2
  /// Integers from −128 to 127.
  case int8 = 3
  /// Integers from 0 to 2¹⁶ − 1.
  case uint16 = 4
  /// Integers from −2¹⁵ to 2¹⁵ − 1.
  case int16 = 5
  /// Integers from −2³¹ to 2³¹ − 1.
  case int32 = 6
  /// Integers from −2⁶³ to 2⁶³ − 1.
  case int64 = 7
  /// Texts in UTF-8, `String`.
  case string = 8
  /// `true` and `false`.
  case bool = 9
  /// IEEE 754 binary16, `Float16`.
  case float16 = 10
  /// IEEE 754 binary64, `Double`.
  case float64 = 11
  /// Integers from 0 to 2³² − 1.
  case uint32 = 12
  /// Integers from 0 to 2⁶⁴ − 1.
  case uint64 = 13
  /// Complex numbers with parts of type float32.
  case complex64 = 14
  /// Complex numbers with parts of type float64.
  case complex128 = 15
  /// The upper half of a float32: 8 bits of exponent, 7 of significand.
  case bfloat16 = 16
  /// 8 bits: 4 of exponent, 3 of significand; NaN, no infinity.
  case float8e4m3fn = 17
  /// 8 bits: 4 of exponent, 3 of significand; one NaN, no infinity, no negative zero.
  case float8e4m3fnuz = 18
  /// 8 bits: 5 of exponent, 2 of significand; NaN and infinity.
  case float8e5m2 = 19
  /// 8 bits: 5 of exponent, 2 of significand; one NaN, no infinity, no negative zero.
  case float8e5m2fnuz = 20
  /// Integers from 0 to 15.
  case uint4 = 21
  /// Integers from −8 to 7.
  case int4 = 22
  /// 4 bits: 2 of exponent, 1 of significand; no NaN, no infinity.
  case float4e2m1 = 23
  /// 8 bits of exponent: the powers of two from 2⁻¹²⁷ to 2¹²⁷, and NaN.
  case float8e8m0 = 24
  /// Integers from 0 to 3.
  case uint2 = 25
  /// Integers from −2 to 1.
  case int2 = 26
  /// 6 bits: 2 of exponent, 3 of significand; no NaN, no infinity.
  case float6e2m3 = 27
  /// 6 bits: 3 of exponent, 2 of significand; no NaN, no infinity.
  case float6e3m2 = 28

  /// Bytes of one element in memory.
  ///
  /// An element of less than 8 bits takes a whole byte, so that kernels index it like any other; only
  /// files pack several into a byte (`bitsInFile`). A string element is a Swift `String`.
  public var stride: Int {
    switch self {
    case .undefined: 0
    case .uint8, .int8, .bool, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz,
      .float8e8m0, .uint4, .int4, .float4e2m1, .uint2, .int2, .float6e2m3, .float6e3m2:
      1
    case .uint16, .int16, .float16, .bfloat16: 2
    case .float32, .int32, .uint32: 4
    case .float64, .int64, .uint64, .complex64: 8
    case .complex128: 16
    case .string: MemoryLayout<String>.stride
    }
  }

  /// Bits of one element in `raw_data`; `nil` for strings, which `raw_data` cannot hold.
  public var bitsInFile: Int? {
    switch self {
    case .undefined, .string: nil
    case .uint4, .int4, .float4e2m1: 4
    case .uint2, .int2: 2
    case .float6e2m3, .float6e3m2: 6
    default: stride * 8
    }
  }
}

extension ElementType: CustomStringConvertible {
  /// The name in lower case, as in NumPy: `float32`.
  public var description: String {
    switch self {
    case .undefined: "undefined"
    case .float32: "float32"
    case .uint8: "uint8"
    case .int8: "int8"
    case .uint16: "uint16"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .string: "string"
    case .bool: "bool"
    case .float16: "float16"
    case .float64: "float64"
    case .uint32: "uint32"
    case .uint64: "uint64"
    case .complex64: "complex64"
    case .complex128: "complex128"
    case .bfloat16: "bfloat16"
    case .float8e4m3fn: "float8e4m3fn"
    case .float8e4m3fnuz: "float8e4m3fnuz"
    case .float8e5m2: "float8e5m2"
    case .float8e5m2fnuz: "float8e5m2fnuz"
    case .uint4: "uint4"
    case .int4: "int4"
    case .float4e2m1: "float4e2m1"
    case .float8e8m0: "float8e8m0"
    case .uint2: "uint2"
    case .int2: "int2"
    case .float6e2m3: "float6e2m3"
    case .float6e3m2: "float6e3m2"
    }
  }
}
