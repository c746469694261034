import ONNXFormat
import ONNXOperators
import ONNXProducts

/// An operator with one kernel for float32 and float64. Float16 and bfloat16 are widened to float32,
/// so no code is generated for them.
///
/// The element type is the type of input 0.
protocol WidenedOperator: Operator {
  /// The kernel for elements of a type.
  func kernel<T: RealElement>(_ call: Preparation, _ type: T.Type) throws(OperatorError) -> Kernel
}

extension WidenedOperator {
  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: return try kernel(call, Float.self)
    case .float64: return try kernel(call, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }
}
