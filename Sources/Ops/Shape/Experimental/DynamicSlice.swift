import ONNXFormat
import ONNXOperators

/// `Slice` with the positions as inputs, before the standard had it: data, starts, ends, axes. An
/// experimental operator (`EarlyOperator`).
struct DynamicSlice: AttributeFreeOperator {
  static let schema = Schema("DynamicSlice", [1: .classic], removed: 10, inputs: 3...4)
  private let slice = SliceOperator()

  var shapeInputs: [Int] { slice.shapeInputs }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] { try slice.infer(inputs) }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel { try slice.prepare(call) }
}
