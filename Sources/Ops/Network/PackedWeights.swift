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

  /// The packed weights in place of input `index`, where that is known before the run.
  func pack(_ call: Preparation, _ index: Int) throws(OperatorError) -> TensorStorage? {
    try call.packed(
      input: index, layout: "blocks \(groups) \(maps) \(depth) \(block)",
      byteCount: .work(count, MemoryLayout<Float>.stride), tiles: groups * blocks
    ) { source, target, index in
      pack(
        block: index, source.assumingMemoryBound(to: Float.self),
        target.assumingMemoryBound(to: Float.self))
    }
  }
}

extension TensorStorage {
  var floats: UnsafeMutablePointer<Float> { pointer.assumingMemoryBound(to: Float.self) }
}
