import ONNXFormat
import ONNXOperators

/// A mixture of experts: each token passes through two layers of the `k` experts with the largest
/// logits, `y = Σ pₑ · (W2ₑ · f(W1ₑ · x + b1ₑ) + b2ₑ)`, where p is the softmax of the logits.
///
/// The inputs are the tokens `[…, H]`, the logits `[tokens, E]`, W1 `[E, I, H]` (`2I` with SwiGLU), b1, W2
/// `[E, H, I]` and b2.
struct MoE: Operator {
  static let schema = Schema(
    "MoE", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]], inputs: 5...8)
  let attributes: ExpertAttributes

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try ExpertAttributes(&node)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    for index in 6...7 where inputs.has(index) {
      throw .unsupported("input \(index), a third layer of the experts")
    }
    for index in 2...5 where inputs.has(index) { _ = try inputs.tensor(index, sameTypeAs: 0) }
    if let sizes = try ExpertMixture.sizes(inputs, attributes),
      let inner = try inputs.shape(4, rank: 3)?[2].size
    {
      let rows = Int.work(inner, attributes.fused)
      try inputs.require(2, Shape([sizes.experts, rows, sizes.hidden]))
      try inputs.require(4, Shape([sizes.experts, sizes.hidden, inner]))
      if inputs.has(3) { try inputs.require(3, Shape([sizes.experts, rows])) }
      if inputs.has(5) { try inputs.require(5, Shape([sizes.experts, sizes.hidden])) }
    }
    let x = try inputs.tensor(0)
    return [.tensor(x.elementType, x.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.elementType(0).isNarrowFloat { return try call.widened(prepare) }
    let sizes = try call.mixtureSizes(attributes)
    let inner = try call.inputSizes(4)[2]
    let mixture = ExpertMixture(
      routing: ExpertRouting(
        tokens: sizes.tokens, experts: sizes.experts, chosen: attributes.chosen,
        isNormalized: attributes.isNormalized, rule: .shares),
      attributes: attributes,
      first: ExpertLayer(
        rows: inner * attributes.fused, depth: sizes.hidden, bias: call.inputs.has(3) ? 3 : nil,
        weights: .floats(input: 2)),
      second: ExpertLayer(
        rows: sizes.hidden, depth: inner, bias: call.inputs.has(5) ? 5 : nil,
        weights: .floats(input: 4)))
    return mixture.kernel(call)
  }
}
