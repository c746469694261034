import ONNXFormat
import ONNXOperators

/// `Y[…, N] = A[…, K] · Wᵀ + bias`, where row `n` of W consists of blocks of integers of 2, 4 or 8 bits:
/// `W[n, k] = (B[n, k] − zero[n, block]) · scale[n, block]`.
///
/// The inputs are A, B `[N, blocks, block_size · bits / 8]`, the scales `[N, blocks]`, and optionally the
/// zero points, the blocks `g_idx` `[K]` that the columns of W belong to, and the bias `[N]`. Zero points
/// are packed as B is, each row in whole bytes, or numbers of A's type; they default to half the range.
///
/// The products are sums of float32 for every `accuracy_level`, which says how far they may be rounded:
/// onnxruntime rounds A to int8 at level 4. With `g_idx` it ignores packed zero points, and takes 4 bits
/// only. W stays packed: a thread unpacks a few rows at a time.
struct MatMulNBits: Operator {
  static let schema = Schema(
    "MatMulNBits", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 3...6)
  private let weights: PackedRows

  init(_ node: inout NodeReader) throws(OperatorError) {
    let bits = try node.int("bits", default: 4)
    guard [2, 4, 8].contains(bits) else {
      throw .attribute("bits", "expected 2, 4 or 8, got \(bits)")
    }
    let level = try node.int("accuracy_level", default: 0)
    guard 0...4 ~= level else {
      throw .attribute("accuracy_level", "expected 0 to 4, got \(level)")
    }
    let layout = try node.int("weight_prepacked", default: 0)
    guard layout == 0 else {
      throw .attribute("weight_prepacked", "expected 0: layout \(layout) is for a GPU")
    }
    weights = try PackedRows(
      rows: try node.int("N"), depth: try node.int("K"), block: try node.int("block_size"),
      bits: bits)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    _ = try inputs.tensor(1, .uint8)
    _ = try inputs.tensor(2, sameTypeAs: 0)
    try inputs.require(1, [.size(weights.rows), .size(weights.blocks), .size(weights.blob)])
    try check(inputs, 2, weights.blocks)
    if inputs.has(3) {
      let isPacked = try inputs.tensor(3).elementType == .uint8
      if !isPacked { _ = try inputs.tensor(3, sameTypeAs: 0) }
      try check(inputs, 3, isPacked ? weights.zeroBytes : weights.blocks)
    }
    if inputs.has(4) {
      _ = try inputs.tensor(4, .int32)
      if let count = try inputs.tensor(4).shape?.sizes?.elementCount, count != weights.depth,
        count != weights.blocks * weights.block
      {
        throw .input(4, "expected \(weights.depth) elements, one for each of K, got \(count)")
      }
    }
    if inputs.has(5) {
      _ = try inputs.tensor(5, sameTypeAs: 0)
      try inputs.require(5, [.size(weights.rows)])
    }
    guard let shape = a.shape else { return [.tensor(a.elementType, nil)] }
    guard let last = shape.last, last.size ?? weights.depth == weights.depth else {
      throw .input(0, "expected a last axis of K = \(weights.depth), got shape \(shape)")
    }
    return [.tensor(a.elementType, Shape(shape.dimensions.dropLast() + [.size(weights.rows)]))]
  }

  /// Checks that an input is `[N, count]`, or the same elements with one axis.
  private func check(_ inputs: Inputs, _ index: Int, _ count: Int) throws(OperatorError) {
    guard let sizes = try inputs.tensor(index).shape?.sizes else { return }
    guard sizes == [weights.rows, count] || sizes == [.work(weights.rows, count)] else {
      throw .input(
        index, "expected shape \(Shape([weights.rows, count])), got \(Shape(sizes))")
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.elementType(0).isNarrowFloat { return try call.widened(prepare) }
    let weights = weights
    let groups = call.inputs.has(4) ? 4 : nil
    let zeros: PackedRows.Zeros =
      !call.inputs.has(3)
      ? .middle : try call.elementType(3) == .uint8 ? .packed(input: 3) : .numbers(input: 3)
    let rows = try call.inputCount(0) / weights.depth
    let bias = call.inputs.has(5) ? 5 : nil
    if weights.bits == 4, weights.block % 32 == 0, groups == nil {
      let zeros = call.inputs.has(3) ? (3, packed: try call.elementType(3) == .uint8) : nil
      return NibbleProduct(weights: weights, rows: rows).kernel(call, zeros: zeros, bias: bias)
    }
    let product = UnpackedProduct(
      rows: rows, columns: weights.rows, depth: weights.depth)
    return product.kernel(
      call, bias: bias,
      check: { buffers throws(OperatorError) in
        if let groups { try weights.checkGroups(buffers.input(groups, as: Int32.self), groups) }
      }
    ) { row, buffers, y in weights.unpack(row, buffers, zeros, groups: groups, y) }
  }
}
