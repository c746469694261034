import ONNXFormat
import ONNXOperators
import ONNXShape

/// A sequence of the inputs, tensors of the same element type.
struct SequenceConstruct: AttributeFreeOperator {
  static let schema = Schema("SequenceConstruct", [11: .classic], inputs: .atLeast(1))

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    var element = ValueType.tensor(try inputs.tensor(0))
    for index in 1..<max(inputs.count, 1) {
      element = try ValueType.tensor(inputs.tensor(index)).joined(element, input: index)
    }
    return [.sequence(element)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      var tensors: [Value] = []
      var element: ValueType?
      for index in call.inputs.indices {
        let tensor = try call.tensor(index)
        tensors.append(.tensor(tensor))
        element = try ValueType.tensor(tensor.type).joined(element, input: index)
      }
      return [.sequence(SequenceValue(tensors, elementType: element))]
    }
  }
}
