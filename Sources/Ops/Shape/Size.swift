import ONNXFormat
import ONNXOperators

/// The number of elements of the input.
struct Size: AttributeFreeOperator {
  static let schema = Schema(
    "Size",
    [
      1: .classic, 13: .any13, 19: .any19, 21: .any21, 23: .any23, 24: .any24, 25: .any25,
    ], inputs: 1...1)
  static var widening: Widening { .exact }

  var needsOnlyTypes: Bool { true }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    _ = try inputs.tensor(0)
    return [.tensor(.int64, [] as Shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = Int64(try call.inputCount(0))
    return .compute { buffers in buffers.output(0, as: Int64.self)[0] = count }
  }
}
