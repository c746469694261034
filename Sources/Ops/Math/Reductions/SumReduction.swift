import ONNXFormat
import ONNXOperators
import RealModule

/// An associative function that reduces numbers of any type.
protocol ReductionKind {
  associatedtype ForFloat: FloatReducer
  static func kernel<T: ArithmeticElement, Y>(
    _ reduction: Reduction, _ finish: @escaping @Sendable (T) -> Y
  ) -> Kernel
}

/// A sum or product, which is computed in `Double` for float32.
protocol SumKind: ReductionKind where ForFloat.Accumulator == Double {
  /// The kind that gives the same result for unsigned integers, whose wrapping arithmetic has the
  /// bits of signed integers.
  associatedtype ForUnsigned: SumKind = Self
}

/// `Σ x`
enum ValueSum: SumKind {
  typealias ForFloat = FloatSumReducer
  static func kernel<T: ArithmeticElement, Y>(
    _ reduction: Reduction, _ finish: @escaping @Sendable (T) -> Y
  ) -> Kernel { reduction.kernel(SumReducer<T>.self, finish) }
}

/// `Σ |x|`
enum MagnitudeSum: SumKind {
  typealias ForFloat = FloatAbsoluteSumReducer
  typealias ForUnsigned = ValueSum
  static func kernel<T: ArithmeticElement, Y>(
    _ reduction: Reduction, _ finish: @escaping @Sendable (T) -> Y
  ) -> Kernel { reduction.kernel(AbsoluteSumReducer<T>.self, finish) }
}

/// `Σ x²`
enum SquareSum: SumKind {
  typealias ForFloat = FloatSquareSumReducer
  static func kernel<T: ArithmeticElement, Y>(
    _ reduction: Reduction, _ finish: @escaping @Sendable (T) -> Y
  ) -> Kernel { reduction.kernel(SquareSumReducer<T>.self, finish) }
}

/// `Π x`
enum ValueProduct: SumKind {
  typealias ForFloat = FloatProductReducer
  static func kernel<T: ArithmeticElement, Y>(
    _ reduction: Reduction, _ finish: @escaping @Sendable (T) -> Y
  ) -> Kernel { reduction.kernel(ProductReducer<T>.self, finish) }
}

extension Reduction {
  /// The kernel for this kind of sum, or `nil` for a type that is not numeric.
  /// - Parameter finish: A function applied to each result.
  func kernel<Kind: SumKind>(
    _ kind: Kind.Type, _ type: ElementType, finish: (@Sendable (Double) -> Double)? = nil
  ) -> Kernel? {
    switch type {
    case .float32: kernel(Kind.ForFloat.self) { Float(finish?($0) ?? $0) }
    case .float16:
      kernel(HalfReducer<Float16, Kind.ForFloat>.self) { Float16(finish?($0) ?? $0) }
    case .bfloat16:
      kernel(HalfReducer<BFloat16, Kind.ForFloat>.self) { BFloat16(Float(finish?($0) ?? $0)) }
    case .float64: Kind.kernel(self) { (x: Double) in finish?(x) ?? x }
    case .int32: kernel(kind, Int32.self, Int32.self, finish)
    case .int64: kernel(kind, Int64.self, Int64.self, finish)
    case .uint32: kernel(Kind.ForUnsigned.self, Int32.self, UInt32.self, finish)
    case .uint64: kernel(Kind.ForUnsigned.self, Int64.self, UInt64.self, finish)
    default: nil
    }
  }

  /// The kernel for integers of type `Y`, which are reduced as signed integers `T`.
  private func kernel<
    Kind: SumKind, T: ArithmeticElement & FixedWidthInteger,
    Y: ArithmeticElement & FixedWidthInteger
  >(
    _ kind: Kind.Type, _ type: T.Type, _ result: Y.Type, _ finish: (@Sendable (Double) -> Double)?
  ) -> Kernel {
    Kind.kernel(self) { (x: T) in
      let y = Y(truncatingIfNeeded: x)
      return finish.map { Y(truncating: $0(y.double)) } ?? y
    }
  }

  /// The kernel for `ln Σ eˣ`, or `nil` for a type that is not numeric.
  func logSumExpKernel(_ type: ElementType) -> Kernel? {
    switch type {
    case .float32: kernel(FloatExponentialSumReducer.self) { Float($0.logarithm) }
    case .float16:
      kernel(HalfReducer<Float16, FloatExponentialSumReducer>.self) { Float16($0.logarithm) }
    case .bfloat16:
      kernel(HalfReducer<BFloat16, FloatExponentialSumReducer>.self) {
        BFloat16(Float($0.logarithm))
      }
    case .float64: logSumExpKernel(Double.self)
    case .int32: logSumExpKernel(Int32.self)
    case .int64: logSumExpKernel(Int64.self)
    case .uint32: logSumExpKernel(UInt32.self)
    case .uint64: logSumExpKernel(UInt64.self)
    default: nil
    }
  }

  private func logSumExpKernel<T: ArithmeticElement>(_ type: T.Type) -> Kernel {
    kernel(ExponentialSumReducer<T>.self) { T(truncating: $0.logarithm) }
  }
}
