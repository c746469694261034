import ONNXFormat
import ONNXOperators
import ONNXShape

/// The element of a sequence at a position, which counts from the end if negative.
struct SequenceAt: AttributeFreeOperator {
  static let schema = Schema("SequenceAt", [11: .classic], inputs: 2...2)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    _ = try inputs.tensor(1, [.int32, .int64])
    return [try inputs.sequenceElement(0) ?? ValueType(.undefined)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let sequence = try call.sequence(0)
      return [sequence.elements[try call.position(1, among: sequence.elements.count)]]
    }
  }
}
