import ONNXFormat
import ONNXOperators
import ONNXShape

/// An empty sequence of tensors of an element type.
struct SequenceEmpty: Operator {
  static let schema = Schema("SequenceEmpty", [11: .all], inputs: 0...0)
  let element: ValueType

  init(_ node: inout NodeReader) throws(OperatorError) {
    element = .tensor(try node.optionalElementType("dtype") ?? .float32, nil)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] { [.sequence(element)] }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let empty = Value.sequence(SequenceValue([], elementType: element))
    return .produce { _ in [empty] }
  }
}
