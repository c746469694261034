import ONNXFormat
import ONNXOperators
import ONNXShape

/// The sequence without the element at a position; the default is the last one.
struct SequenceErase: AttributeFreeOperator {
  static let schema = Schema("SequenceErase", [11: .classic], inputs: 1...2)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if inputs.has(1) { _ = try inputs.tensor(1, [.int32, .int64]) }
    return [.sequence(try inputs.sequenceElement(0))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      var sequence = try call.sequence(0)
      let count = sequence.elements.count
      guard count > 0 else { throw .input(0, "the sequence is empty") }
      sequence.elementType = Value.sequence(sequence).sequenceElementType
      sequence.elements.remove(at: call.has(1) ? try call.position(1, among: count) : count - 1)
      return [.sequence(sequence)]
    }
  }
}

extension Value {
  /// The type of the elements of a sequence.
  var sequenceElementType: ValueType? {
    if case .sequence(let element) = type.kind { element } else { nil }
  }
}
