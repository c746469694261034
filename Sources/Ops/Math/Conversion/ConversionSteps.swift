import CKernels
import ONNXFormat
import ONNXOperators

/// An intermediate type of a conversion.
enum WideType {
  case float, double, int64, uint64
}

extension ConversionStep {
  /// The loops from a source type to its wide type, or `nil` if it is not numeric.
  static func load(_ source: ElementType) -> (steps: [ConversionStep], result: WideType)? {
    switch source {
    case .float32: ([], .float)
    case .float64: ([], .double)
    case .int64: ([], .int64)
    case .uint64: ([], .uint64)
    case .float16: ([ConversionStep(Float16.widen)], .float)
    case .bfloat16: ([ConversionStep(BFloat16.widen)], .float)
    case .bool: ([ConversionStep { (x: UInt8) in x == 0 ? 0 as Int64 : 1 }], .int64)
    case .int8, .int4, .int2: ([ConversionStep { (x: Int8) in Int64(x) }], .int64)
    case .uint8, .uint4, .uint2: ([ConversionStep { (x: UInt8) in Int64(x) }], .int64)
    case .int16: ([ConversionStep { (x: Int16) in Int64(x) }], .int64)
    case .uint16: ([ConversionStep { (x: UInt16) in Int64(x) }], .int64)
    case .int32: ([ConversionStep { (x: Int32) in Int64(x) }], .int64)
    case .uint32: ([ConversionStep { (x: UInt32) in Int64(x) }], .int64)
    case .float8e4m3fn: ([load(Float8E4M3FN.self)], .float)
    case .float8e4m3fnuz: ([load(Float8E4M3FNUZ.self)], .float)
    case .float8e5m2: ([load(Float8E5M2.self)], .float)
    case .float8e5m2fnuz: ([load(Float8E5M2FNUZ.self)], .float)
    case .float8e8m0: ([load(Float8E8M0.self)], .float)
    case .float4e2m1: ([load(Float4E2M1.self)], .float)
    case .float6e2m3: ([load(Float6E2M3.self)], .float)
    case .float6e3m2: ([load(Float6E3M2.self)], .float)
    default: nil
    }
  }

  private static func load<T: SmallFloat>(_ type: T.Type) -> ConversionStep
  where T.Bits == UInt8 {
    let table = (0...UInt8.max).map { T(bits: $0).float }
    return ConversionStep { (x: UnsafePointer<UInt8>, y: UnsafeMutablePointer<Float>, count) in
      table.withUnsafeBufferPointer { table in
        for i in 0..<count { y[i] = table[Int(x[i])] }
      }
    }
  }

  /// The direct loop from an integer of at most 32 bits to float32, or `nil` for any other type.
  static func toFloat(from source: ElementType) -> ConversionStep? {
    switch source {
    case .int8, .int4, .int2: ConversionStep { (x: Int8) in Float(x) }
    case .uint8, .uint4, .uint2: ConversionStep { (x: UInt8) in Float(x) }
    case .int16: ConversionStep { (x: Int16) in Float(x) }
    case .uint16: ConversionStep { (x: UInt16) in Float(x) }
    case .int32: ConversionStep { (x: Int32) in Float(x) }
    default: nil
    }
  }

  /// The loops from a wide type to a target type, or `nil` if it is not numeric.
  static func store(
    _ wide: WideType, _ target: ElementType, _ rules: ElementConversion.Rules
  ) -> [ConversionStep]? {
    switch target {
    case .float32: toFloat(wide)
    case .float64: toDouble(wide)
    case .int64: toInt64(wide)
    case .uint64: toUInt64(wide)
    case .float16:
      wide == .double
        ? [ConversionStep { (x: Double) in Float16(x) }]
        : toFloat(wide) + [ConversionStep(Float16.narrow)]
    case .bfloat16: toFloat(wide) + [ConversionStep(BFloat16.narrow)]
    case .bool: [toBool(wide)]
    case .int8: toNarrow(wide, Int8.self)
    case .int16: toNarrow(wide, Int16.self)
    case .int32: toInt32(wide)
    case .uint8: toNarrow(wide, UInt8.self)
    case .uint16: toNarrow(wide, UInt16.self)
    case .uint32: toInt64(wide) + [ConversionStep { (x: Int64) in UInt32(truncatingIfNeeded: x) }]
    case .int4: toInt64(wide) + [toSmall(Int4.self)]
    case .uint4: toInt64(wide) + [toSmall(UInt4.self)]
    case .int2: toInt64(wide) + [toSmall(Int2.self)]
    case .uint2: toInt64(wide) + [toSmall(UInt2.self)]
    case .float8e4m3fn: toFloat(wide) + [toSmall(Float8E4M3FN.self, rules)]
    case .float8e4m3fnuz: toFloat(wide) + [toSmall(Float8E4M3FNUZ.self, rules)]
    case .float8e5m2: toFloat(wide) + [toSmall(Float8E5M2.self, rules)]
    case .float8e5m2fnuz: toFloat(wide) + [toSmall(Float8E5M2FNUZ.self, rules)]
    case .float4e2m1: toFloat(wide) + [toSmall(Float4E2M1.self, rules)]
    case .float6e2m3: toFloat(wide) + [toSmall(Float6E2M3.self, rules)]
    case .float6e3m2: toFloat(wide) + [toSmall(Float6E3M2.self, rules)]
    case .float8e8m0:
      toFloat(wide) + [
        ConversionStep { (x: Float) in
          Float8E8M0(x, rounding: rules.scaleRounding, saturating: rules.isSaturating).bits
        }
      ]
    default: nil
    }
  }

  private static func toSmall<T: NarrowFloat>(
    _ type: T.Type, _ rules: ElementConversion.Rules
  ) -> ConversionStep {
    let isSaturating = rules.isSaturating
    return ConversionStep { (x: Float) in T(x, saturating: isSaturating).bits }
  }

  private static func toSmall<T: SmallInteger>(_ type: T.Type) -> ConversionStep {
    ConversionStep { (x: Int64) in T(truncating: UInt8(truncatingIfNeeded: x)).rawValue }
  }

  private static func toBool(_ wide: WideType) -> ConversionStep {
    switch wide {
    case .float: ConversionStep { (x: Float) in x == 0 ? 0 as UInt8 : 1 }
    case .double: ConversionStep { (x: Double) in x == 0 ? 0 as UInt8 : 1 }
    case .int64, .uint64: ConversionStep { (x: UInt64) in x == 0 ? 0 as UInt8 : 1 }
    }
  }

  private static func toFloat(_ wide: WideType) -> [ConversionStep] {
    switch wide {
    case .float: []
    case .double: [ConversionStep { (x: Double) in Float(x) }]
    case .int64: [ConversionStep { (x: Int64) in Float(x) }]
    case .uint64: [ConversionStep { (x: UInt64) in Float(x) }]
    }
  }

  private static func toDouble(_ wide: WideType) -> [ConversionStep] {
    switch wide {
    case .float: [ConversionStep { (x: Float) in Double(x) }]
    case .double: []
    case .int64: [ConversionStep { (x: Int64) in Double(x) }]
    case .uint64: [ConversionStep { (x: UInt64) in Double(x) }]
    }
  }

  private static func toInt64(_ wide: WideType) -> [ConversionStep] {
    switch wide {
    case .float: [ConversionStep(ck_float_to_int64)]
    case .double: [ConversionStep(ck_double_to_int64)]
    // Both have the same bits.
    case .int64, .uint64: []
    }
  }

  private static func toInt32(_ wide: WideType) -> [ConversionStep] {
    switch wide {
    case .float: [ConversionStep(ck_float_to_int32)]
    case .double: [ConversionStep(ck_double_to_int32)]
    case .int64, .uint64: [ConversionStep { (x: Int64) in Int32(truncatingIfNeeded: x) }]
    }
  }

  private static func toNarrow<T: FixedWidthInteger & Sendable>(
    _ wide: WideType, _ type: T.Type
  ) -> [ConversionStep] {
    switch wide {
    case .float, .double:
      toInt32(wide) + [ConversionStep { (x: Int32) in T(truncatingIfNeeded: x) }]
    case .int64, .uint64: [ConversionStep { (x: Int64) in T(truncatingIfNeeded: x) }]
    }
  }

  private static func toUInt64(_ wide: WideType) -> [ConversionStep] {
    switch wide {
    case .float: [ConversionStep(ck_float_to_uint64)]
    case .double: [ConversionStep(ck_double_to_uint64)]
    case .int64, .uint64: []
    }
  }
}
