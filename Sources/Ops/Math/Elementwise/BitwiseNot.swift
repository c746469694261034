import ONNXFormat
import ONNXOperators

/// `y = ~x`, bitwise.
struct BitwiseNot: AttributeFreeOperator {
  static let schema = Schema("BitwiseNot", [18: .integers], inputs: 1...1)
  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.tensor(0, .integers))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    // Inverting bytes gives the same result for all signs and sizes.
    let count = try call.inputCount(0) * call.elementType(0).stride
    return elementKernel(count) {
      (x: UnsafePointer<UInt8>, y: UnsafeMutablePointer<UInt8>, count) in
      for i in 0..<count { y[i] = ~x[i] }
    }
  }
}

extension BitwiseNot {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}
