import CKernels
import ONNXFormat

/// Weights `[groups · maps, depth]` as the convolutions read them: blocks of output channels of a
/// group, within a block term by term. Channels that fill the last block up are zero.
struct PackedWeights: Sendable {
  let groups: Int
  /// Output channels of a group.
  let maps: Int
  /// Terms of a sum.
  let depth: Int
  /// Output channels of a block.
  let block: Int

  /// Blocks of a group.
  var blocks: Int { (maps + block - 1) / block }
  /// Elements of a block.
  var blockSize: Int { .work(depth, block) }
  var count: Int { .work(groups, blocks, blockSize) }

  /// Packs one block, counted through all groups.
  func pack(
    block index: Int, _ w: UnsafePointer<Float>, _ packed: UnsafeMutablePointer<Float>
  ) {
    let first = index % blocks * block
    let own = min(block, maps - first)
    let rows = w + (index / blocks * maps + first) * depth
    let target = packed + index * blockSize
    if own < block { target.update(repeating: 0, count: blockSize) }
    ck_transpose(rows, depth, target, block, depth, own, MemoryLayout<Float>.stride)
  }

  /// The packed weights, where input `index` is known before the run.
  func pack(_ call: Preparation, _ index: Int) throws(OperatorError) -> TensorStorage? {
    guard let constant = call.inputs.constant(index) else { return nil }
    return try call.packed.packed(constant, layout: "blocks \(groups) \(maps) \(depth) \(block)") {
      () throws(OperatorError) in
      try TensorStorage.packed(count, from: constant) { source, target in
        for index in 0..<groups * blocks { pack(block: index, source, target) }
      }
    }
  }
}

extension TensorStorage {
  var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }

  /// Room for `count` floats, filled from a tensor that has elements.
  static func packed(
    _ count: Int, from tensor: Tensor,
    _ fill: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) throws(OperatorError) -> TensorStorage {
    do {
      let storage = try TensorStorage(byteCount: .work(count, MemoryLayout<Float>.stride))
      if let source = tensor.elements(as: Float.self).baseAddress { fill(source, storage.floats) }
      return storage
    } catch { throw OperatorError(error) }
  }
}
