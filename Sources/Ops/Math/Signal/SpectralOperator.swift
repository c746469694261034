import ONNXFormat
import ONNXOperators
import RealModule

/// An operator that computes Fourier transforms of a signal, input 0, whose last dimension holds the
/// real part and, if its size is 2, the imaginary part.
protocol SpectralOperator: RealOperator {
  /// The kernel for elements of type `T` that are transformed in the precision of `Part`.
  func kernel<T: RealElement, Part: Real & BinaryFloatingPoint & Sendable>(
    _ call: Preparation, _ type: T.Type, _ part: Part.Type
  ) throws(OperatorError) -> Kernel
  /// Whether a signal of this shape has no imaginary part.
  func isReal(_ sizes: [Int]) -> Bool
}

extension SpectralOperator {
  func isReal(_ sizes: [Int]) -> Bool { sizes.last == 1 }

  /// Real signals are transformed in double precision and complex ones in the precision of their
  /// type, to match the rounding errors of the standard's test cases.
  func visit<T: RealElement>(
    _ type: T.Type, _ call: Preparation
  ) throws(OperatorError) -> Kernel {
    if T.self == Double.self { return try kernel(call, type, Double.self) }
    return try isReal(call.inputSizes(0))
      ? kernel(call, type, Double.self) : kernel(call, type, Float.self)
  }
}
