/// Generic code that is to run for an `ElementType` known at run time only.
///
/// A visitor has one generic method, `visit`. A dispatch function of `ElementType` calls it with the
/// Swift type of the element type, from a `switch` over concrete types that is inlined into the
/// caller: the compiler specialises `visit` for each of them, as if the caller held the switch itself.
///
/// Each set of types has its own visitor protocol, which states what `visit` may ask of a type:
/// `RealVisitor`, `IntegerVisitor`, `NumberVisitor`, `SmallFloatVisitor`, `WordVisitor`.
/// The dispatch function returns `nil` for a type outside of the set.
///
/// A `Result` that is a closure is called through a thunk, since it is generic here; a struct or an
/// enum that holds the closure, such as a kernel, is not.
///
/// ```swift
/// struct Det: Operator, RealVisitor {
///   func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
///     let type = try call.elementType(0)
///     guard let kernel = try type.dispatchReal(to: self, call) else {
///       throw .input(0, "expected floating point, got \(type)")
///     }
///     return kernel
///   }
///
///   func visit<T: RealElement>(_ type: T.Type, _ call: Preparation) throws(OperatorError) -> Kernel
///   { … }
/// }
/// ```
@usableFromInline
package protocol TypeVisitor {
  /// Handed on to `visit`; `Void` where the visitor itself holds all it needs.
  associatedtype Context = Void
  /// The result of `visit`, the same for all types.
  associatedtype Result
  /// The error that `visit` throws.
  associatedtype Failure: Error = Never
}

/// A visitor of the four floating-point types that compute in their own type or in `Float`.
@usableFromInline
package protocol RealVisitor: TypeVisitor {
  // Declared again to be inferred from `visit`.
  associatedtype Context
  associatedtype Result
  associatedtype Failure
  /// Runs for `T`: `Float`, `Double`, `Float16` or `BFloat16`.
  func visit<T: RealElement>(_ type: T.Type, _ context: Context) throws(Failure) -> Result
}

/// A visitor of the eight integer types of whole bytes.
@usableFromInline
package protocol IntegerVisitor: TypeVisitor {
  // Declared again to be inferred from `visit`.
  associatedtype Context
  associatedtype Result
  associatedtype Failure
  /// Runs for `T`: `Int8` to `Int64`, `UInt8` to `UInt64`.
  func visit<T: Element & FixedWidthInteger>(_ type: T.Type, _ context: Context) throws(Failure)
    -> Result
}

/// A visitor of the twelve types of numbers: it has a `visit` for reals and one for integers.
@usableFromInline
package typealias NumberVisitor = RealVisitor & IntegerVisitor

/// A visitor of the nine floating-point types that Swift lacks: bfloat16, those of 8, 6 and 4 bits.
@usableFromInline
package protocol SmallFloatVisitor: TypeVisitor {
  // Declared again to be inferred from `visit`.
  associatedtype Context
  associatedtype Result
  associatedtype Failure
  /// Runs for `T`: `BFloat16`, `Float8E4M3FN`, …, `Float4E2M1`.
  func visit<T: SmallFloat>(_ type: T.Type, _ context: Context) throws(Failure) -> Result
}

/// A visitor of unsigned integers that stand for any elements of the same size, for code that moves
/// bits and never computes.
@usableFromInline
package protocol WordVisitor: TypeVisitor {
  // Declared again to be inferred from `visit`.
  associatedtype Context
  associatedtype Result
  associatedtype Failure
  /// Runs for `T`: `UInt8`, `UInt16`, `UInt32` or `UInt64`.
  func visit<T: Element & FixedWidthInteger & UnsignedInteger>(
    _ type: T.Type, _ context: Context
  ) throws(Failure) -> Result
}

extension ElementType {
  /// Calls the visitor for float32, float64, float16 and bfloat16.
  /// - Returns: `nil` for other types.
  @inlinable
  package func dispatchReal<V: RealVisitor>(
    to visitor: V, _ context: V.Context
  ) throws(V.Failure) -> V.Result? {
    switch self {
    case .float32: try visitor.visit(Float.self, context)
    case .float64: try visitor.visit(Double.self, context)
    case .float16: try visitor.visit(Float16.self, context)
    case .bfloat16: try visitor.visit(BFloat16.self, context)
    default: nil
    }
  }

  /// Calls the visitor for int8 to int64 and uint8 to uint64.
  /// - Returns: `nil` for other types.
  @inlinable
  package func dispatchInteger<V: IntegerVisitor>(
    to visitor: V, _ context: V.Context
  ) throws(V.Failure) -> V.Result? {
    switch self {
    case .int8: try visitor.visit(Int8.self, context)
    case .int16: try visitor.visit(Int16.self, context)
    case .int32: try visitor.visit(Int32.self, context)
    case .int64: try visitor.visit(Int64.self, context)
    case .uint8: try visitor.visit(UInt8.self, context)
    case .uint16: try visitor.visit(UInt16.self, context)
    case .uint32: try visitor.visit(UInt32.self, context)
    case .uint64: try visitor.visit(UInt64.self, context)
    default: nil
    }
  }

  /// Calls the visitor for the types of `dispatchReal` and `dispatchInteger`.
  /// - Returns: `nil` for other types.
  @inlinable
  package func dispatchNumber<V: NumberVisitor>(
    to visitor: V, _ context: V.Context
  ) throws(V.Failure) -> V.Result? {
    if let result = try dispatchReal(to: visitor, context) { return result }
    return try dispatchInteger(to: visitor, context)
  }

  /// Calls the visitor for bfloat16, the float8, float6 and float4 types.
  /// - Returns: `nil` for other types.
  @inlinable
  package func dispatchSmallFloat<V: SmallFloatVisitor>(
    to visitor: V, _ context: V.Context
  ) throws(V.Failure) -> V.Result? {
    switch self {
    case .bfloat16: try visitor.visit(BFloat16.self, context)
    case .float8e4m3fn: try visitor.visit(Float8E4M3FN.self, context)
    case .float8e4m3fnuz: try visitor.visit(Float8E4M3FNUZ.self, context)
    case .float8e5m2: try visitor.visit(Float8E5M2.self, context)
    case .float8e5m2fnuz: try visitor.visit(Float8E5M2FNUZ.self, context)
    case .float8e8m0: try visitor.visit(Float8E8M0.self, context)
    case .float6e2m3: try visitor.visit(Float6E2M3.self, context)
    case .float6e3m2: try visitor.visit(Float6E3M2.self, context)
    case .float4e2m1: try visitor.visit(Float4E2M1.self, context)
    default: nil
    }
  }

  /// Calls the visitor for the unsigned integer of that many bytes.
  /// - Parameter bytes: 1, 2, 4 or 8: the stride of any element type but complex128 and string.
  /// - Returns: `nil` for other sizes.
  @inlinable
  package static func dispatchWord<V: WordVisitor>(
    bytes: Int, to visitor: V, _ context: V.Context
  ) throws(V.Failure) -> V.Result? {
    switch bytes {
    case 1: try visitor.visit(UInt8.self, context)
    case 2: try visitor.visit(UInt16.self, context)
    case 4: try visitor.visit(UInt32.self, context)
    case 8: try visitor.visit(UInt64.self, context)
    default: nil
    }
  }
}
