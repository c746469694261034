import ONNXFormat
import ONNXOperators

/// `x` summed over the axes along which the shape of `like` was broadcast to that of `x`.
///
/// Gradients of operators that broadcast use it to undo the broadcasting.
struct SumTo: Operator {
  static let schema = Schema(
    "SumTo", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 2...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let like = try inputs.tensor(1).shape
    try Broadcast.require(like, fits: try inputs.tensor(0).shape, input: 1)
    return [.tensor(try inputs.tensor(0).elementType, like)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let like = try call.inputSizes(1)
    let missing = sizes.count - like.count
    let axes = sizes.indices.filter { axis in
      axis < missing || like[axis - missing] == 1 && sizes[axis] != 1
    }
    let type = try call.elementType(0)
    if axes.allSatisfy({ sizes[$0] == 1 }) { return .view(of: 0) }
    guard let kernel = Reduction(sizes, over: Set(axes)).kernel(ValueSum.self, type) else {
      throw .input(0, "unexpected element type \(type)")
    }
    return kernel
  }
}
