import CKernels
import ONNXFormat
import ONNXOperators

/// Weights `[groups · maps, depth]` as the convolutions read them: blocks of output channels of a
/// group, within a block term by term. Channels that fill the last block up are zero.
package struct PackedWeights: Sendable {
  package let groups: Int
  /// Output channels of a group.
  package let maps: Int
  /// Terms of a sum.
  package let depth: Int
  /// Output channels of a block.
  package let block: Int

  package init(groups: Int, maps: Int, depth: Int, block: Int) {
    self.groups = groups
    self.maps = maps
    self.depth = depth
    self.block = block
  }

  /// Blocks of a group.
  package var blocks: Int { (maps + block - 1) / block }
  /// Elements of a block.
  package var blockSize: Int { .work(depth, block) }
  package var count: Int { .work(groups, blocks, blockSize) }

  /// Packs one block, counted through all groups.
  package func pack(
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
  package func pack(_ call: Preparation, _ index: Int) throws(OperatorError) -> TensorStorage? {
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
