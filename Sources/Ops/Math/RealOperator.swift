import ONNXFormat
import ONNXOperators

/// An operator with one generic kernel for all floating-point types of input 0.
protocol RealOperator: Operator, RealVisitor
where Context == Preparation, Result == Kernel, Failure == OperatorError {}

extension RealOperator {
  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let type = try call.elementType(0)
    guard let kernel = try type.dispatchReal(to: self, call) else {
      throw .input(0, "expected floating point, got \(type)")
    }
    return kernel
  }
}
