import ONNXFormat
import ONNXOperators
import ONNXShape

/// The sequence with a tensor inserted before a position; the default is the end.
struct SequenceInsert: AttributeFreeOperator {
  static let schema = Schema("SequenceInsert", [11: .classic], inputs: 2...3)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if inputs.has(2) { _ = try inputs.tensor(2, [.int32, .int64]) }
    let element = try inputs.sequenceElement(0)
    return [.sequence(try ValueType.tensor(inputs.tensor(1)).joined(element, input: 1))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      var sequence = try call.sequence(0)
      let tensor = try call.tensor(1)
      let element = Value.sequence(sequence).sequenceElementType
      sequence.elementType = try ValueType.tensor(tensor.type).joined(element, input: 1)
      let count = sequence.elements.count
      sequence.elements.insert(
        .tensor(tensor),
        at: call.has(2) ? try call.position(2, among: count, allowsEnd: true) : count)
      return [.sequence(sequence)]
    }
  }
}
