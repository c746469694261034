import ONNXFormat
import ONNXOperators
import ONNXProducts

/// An operator over rows of reals with a kernel for each type that it computes in: float64 for
/// float64, float32 for all other types.
protocol RowOperator: Operator {
  /// The input whose element type decides: 0 by default.
  static var computedInput: Int { get }
  /// The kernel that computes in a type.
  func kernel<C: RowElement>(_ call: Preparation, _ type: C.Type) throws(OperatorError) -> Kernel
}

extension RowOperator {
  static var computedInput: Int { 0 }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(Self.computedInput) {
    case .float64: try kernel(call, Double.self)
    default: try kernel(call, Float.self)
    }
  }
}
