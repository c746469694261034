import ONNXFormat
import ONNXOperators

/// `Attention` of `com.microsoft` whose input and weights are 8-bit integers, each with a scale and a zero
/// point for the tensor; the weights may have one for each column.
struct QAttention: FunctionOperator {
  static let schema = Schema(
    "QAttention", domain: ContribOperators.domain, [1: [.uint8, .int8]], inputs: 5...9,
    outputs: 1...2)
  static let needsTypes = true
  let heads: HeadProjection

  init(_ node: inout NodeReader) throws(OperatorError) {
    heads = try HeadProjection(&node)
  }

  func inferWithoutRanks(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(2).elementType
    return [.tensor(type, nil), .tensor(type, nil)]
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard let weights = function.shape(1), weights.rank == 2 else {
      throw .input(1, "expected rank 2")
    }
    let product = function.node(
      "MatMulInteger",
      [function.input(0), function.input(1), function.input(6), function.input(7)])
    let real = function.node("CastLike", [product, function.input(2)])
    let scale = function.node("Mul", [function.input(3), function.input(4)])
    let projected = function.node(
      "Add", [function.node("Mul", [real, scale]), function.input(2)])
    try heads.attend(
      &function, projected, function.elementType(2) ?? .float32, columns: weights[1].size,
      mask: 5, past: 8, bias: nil)
  }
}
