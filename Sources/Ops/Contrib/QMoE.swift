import ONNXFormat
import ONNXOperators

/// `MoE` with weights of 2, 4 or 8 bits: W1 `[E, I, H · bits / 8]` and W2 `[E, H, I · bits / 8]`, packed from
/// the lowest bits of each byte on, with a scale for each row, or for each block of a row. They stay packed.
///
/// The weights of the experts are the softmax of the chosen logits, or those that input 14 holds, divided
/// by their sum if `normalize_routing_weights` is 1. Zero points default to half the range; packed ones
/// fill whole bytes for each expert, with blocks for each row.
struct QMoE: Operator {
  static let schema = Schema(
    "QMoE", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 7...21)
  let attributes: ExpertAttributes
  let bits: [Int]
  let block: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try ExpertAttributes(&node)
    let common = try node.int("expert_weight_bits", default: 4)
    var bits: [Int] = []
    for name in ["fc1_expert_weight_bits", "fc2_expert_weight_bits", "fc3_expert_weight_bits"] {
      let own = try node.int(name, default: common)
      guard [2, 4, 8].contains(own) else {
        throw .attribute(name, "expected 2, 4 or 8, got \(own)")
      }
      bits.append(own)
    }
    self.bits = bits
    block = max(0, try node.int("block_size", default: 0))
    guard block == 0 || 16...1 << 31 ~= block && block & (block - 1) == 0 else {
      throw .attribute("block_size", "expected a power of 2 from 16 on, got \(block)")
    }
    _ = try node.int("accuracy_level", default: 0)
    let type = try node.string("quant_type", default: "int")
    guard type == "int" else { throw .unsupported("quant_type '\(type)' of QMoE") }
    guard try node.int("weights_prepacked", default: -1) < 1 else {
      throw .unsupported("weights_prepacked 1 of QMoE, a layout of a GPU")
    }
  }

  /// The inputs of a layer.
  private struct Places {
    let weights: Int
    let scales: Int
    let bias: Int
    let zeros: Int
  }
  private static let places = [
    Places(weights: 2, scales: 3, bias: 4, zeros: 11),
    Places(weights: 5, scales: 6, bias: 7, zeros: 12),
  ]

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    for index in [8, 9, 10, 13] where inputs.has(index) {
      throw .unsupported("input \(index), a third layer of the experts")
    }
    for index in 15..<21 where inputs.has(index) {
      throw .unsupported("input \(index), scales of floating-point weights")
    }
    for place in Self.places {
      _ = try inputs.tensor(place.weights, .uint8)
      _ = try inputs.tensor(place.scales, sameTypeAs: 0)
      if inputs.has(place.bias) { _ = try inputs.tensor(place.bias, sameTypeAs: 0) }
      if inputs.has(place.zeros) { _ = try inputs.tensor(place.zeros, .uint8) }
    }
    if inputs.has(14) { _ = try inputs.tensor(14, sameTypeAs: 0) }
    if let sizes = try ExpertMixture.sizes(inputs, attributes),
      let bytes = try inputs.shape(5, rank: 3)?[2].size
    {
      let inner = Int.work(bytes, 8) / bits[1]
      try check(inputs, sizes, 0, rows: .work(inner, attributes.fused), depth: sizes.hidden)
      try check(inputs, sizes, 1, rows: sizes.hidden, depth: inner)
      if inputs.has(14) { try inputs.require(14, Shape([sizes.tokens, sizes.experts])) }
    }
    let x = try inputs.tensor(0)
    return [.tensor(x.elementType, x.shape)]
  }

  /// Checks the shapes of the inputs of a layer.
  private func check(
    _ inputs: Inputs, _ sizes: ExpertMixture.Sizes, _ layer: Int, rows: Int, depth: Int
  ) throws(OperatorError) {
    let (place, experts, bits) = (Self.places[layer], sizes.experts, bits[layer])
    guard Int.work(depth, bits) % 8 == 0, block == 0 || depth % block == 0 else {
      throw .input(
        place.weights, "rows of \(depth) elements are not whole bytes and blocks of \(block)")
    }
    let blocks = block == 0 ? 1 : depth / block
    try inputs.require(place.weights, Shape([experts, rows, depth * bits / 8]))
    try inputs.require(
      place.scales, Shape(block == 0 ? [experts, rows] : [experts, rows, blocks]))
    if inputs.has(place.bias) { try inputs.require(place.bias, Shape([experts, rows])) }
    if inputs.has(place.zeros) {
      let packed = ((block == 0 ? rows : blocks) * bits + 7) / 8
      try inputs.require(
        place.zeros, Shape(block == 0 ? [experts, packed] : [experts, rows, packed]))
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.elementType(0).isNarrowFloat { return try call.widened(prepare) }
    let sizes = try call.mixtureSizes(attributes)
    let inner = try call.inputSizes(5)[2] * 8 / bits[1]
    func layer(_ index: Int, rows: Int, depth: Int) -> ExpertLayer {
      let place = Self.places[index]
      let packed = PackedRows(
        allRows: .work(sizes.experts, rows), depth: depth, block: block == 0 ? depth : block,
        bits: bits[index], codes: place.weights, scales: place.scales)
      let zeros: PackedRows.Zeros =
        !call.inputs.has(place.zeros)
        ? .middle
        : block == 0
          ? .packedByMatrix(input: place.zeros, rows: rows) : .packed(input: place.zeros)
      return ExpertLayer(
        rows: rows, depth: depth, bias: call.inputs.has(place.bias) ? place.bias : nil,
        weights: .packed(packed, zeros))
    }
    let mixture = ExpertMixture(
      routing: ExpertRouting(
        tokens: sizes.tokens, experts: sizes.experts, chosen: attributes.chosen,
        isNormalized: attributes.isNormalized,
        rule: call.inputs.has(14) ? .given(input: 14) : .softmax),
      attributes: attributes,
      first: layer(0, rows: inner * attributes.fused, depth: sizes.hidden),
      second: layer(1, rows: sizes.hidden, depth: inner))
    return mixture.kernel(call)
  }
}
