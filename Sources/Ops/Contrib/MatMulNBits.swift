import CKernels
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
/// onnxruntime rounds A to int8 at level 4. W stays packed: a thread unpacks a few rows at a time.
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
    let (depth, columns) = (weights.depth, weights.rows)
    let rows = depth == 0 ? 0 : try call.inputCount(0) / depth
    let weights = weights
    let hasGroups = call.inputs.has(4)
    let bias = call.inputs.has(5) ? 5 : nil
    let zeros: PackedRows.Zeros =
      !call.inputs.has(3)
      ? .middle : try call.elementType(3) == .uint8 ? .packed(input: 3) : .numbers(input: 3)
    // The rows of W that are unpacked together.
    let group = max(1, min(columns, 32_768 / max(depth, 1) / 4 * 4))
    let step = Int.work(group, depth).vectors
    let tasks = rows == 0 ? 0 : (columns + group - 1) / group
    call.note("\(weights.bits)-bit W unpacked by \(group) rows: \(rows) × \(depth) × \(columns)")
    let tile: Buffers.Tile = { buffers, task, thread in
      let first = task * group
      let own = min(group, columns - first)
      let w = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * step
      for row in 0..<own {
        weights.unpack(
          first + row, buffers, zeros, groups: hasGroups ? 4 : nil, w + row * depth)
      }
      ck_dot_rows(
        buffers.input(0), rows, depth, own, w,
        bias.map { buffers.input($0, as: Float.self) + first },
        buffers.output(0, as: Float.self) + first, columns)
    }
    let scratch = Int.work(step, MemoryLayout<Float>.stride, call.threads)
    return .compute(scratch: scratch) { buffers throws(OperatorError) in
      if hasGroups {
        for (k, block) in UnsafeBufferPointer(
          start: buffers.input(4, as: Int32.self), count: depth
        ).enumerated() where !(0..<weights.blocks ~= Int(block)) {
          throw .input(4, "expected numbers below \(weights.blocks), got \(block) at \(k)")
        }
      }
      buffers.parallel(tasks, tile)
    }
  }
}
