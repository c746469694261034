import ONNXFormat
import ONNXOperators
import ONNXShape

/// The elements at given indices of the last axis: `z[…, k] = x[…, y[k]]`.
struct ArrayFeatureExtractor: AttributeFreeOperator {
  static let schema = Schema(
    "ArrayFeatureExtractor", domain: "ai.onnx.ml",
    [1: [.float32, .float64, .int64, .int32, .string]], inputs: 2...2)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, .int64)
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    guard shape.rank > 0 else { throw .input(0, "expected at least rank 1, got a scalar") }
    let count = try indices.shape.map(product) ?? .unknown
    // A vector counts as one row.
    let outer = shape.rank == 1 ? [1] : Array(shape.dropLast())
    return [.tensor(data.elementType, Shape(outer + [count]))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    return try gatherKernel(
      call, outer: sizes.dropLast().wrappingProduct, size: sizes.last ?? 1, block: 1)
  }
}
