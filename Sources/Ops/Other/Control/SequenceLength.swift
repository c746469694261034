import ONNXFormat
import ONNXOperators
import ONNXShape

/// The number of elements of a sequence.
struct SequenceLength: AttributeFreeOperator {
  static let schema = Schema("SequenceLength", [11: .classic], inputs: 1...1)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    _ = try inputs.sequenceElement(0)
    return [.tensor(.int64, [] as Shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      [.tensor(Tensor(Int64(try call.sequence(0).elements.count)))]
    }
  }
}
