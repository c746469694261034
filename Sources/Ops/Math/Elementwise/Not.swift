import ONNXFormat
import ONNXOperators

/// The negation of each truth value.
struct Not: AttributeFreeOperator {
  static let schema = Schema("Not", [1: .bool], inputs: 1...1)
  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.tensor(0, .bool))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    elementKernel(try call.inputCount(0)) {
      (x: UnsafePointer<UInt8>, y: UnsafeMutablePointer<UInt8>, count) in
      for i in 0..<count { y[i] = x[i] == 0 ? 1 : 0 }
    }
  }
}

extension Not {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}
