import CKernels
import ONNXFormat
import ONNXOperators

/// The layout of convolution weights `[groups · maps, depth]`: blocks of output channels of a
/// group, term by term within a block. The last block is padded with zeros.
package struct PackedWeights: Sendable {
  package let groups: Int
  /// The number of output channels in a group.
  package let maps: Int
  /// The number of terms of a sum.
  package let depth: Int
  /// The number of output channels in a block.
  package let block: Int
  package let format: PanelFormat

  package init(
    groups: Int, maps: Int, depth: Int, block: Int, format: PanelFormat = .float32
  ) {
    self.groups = groups
    self.maps = maps
    self.depth = depth
    self.block = block
    self.format = format
  }

  /// The number of blocks in a group.
  package var blocks: Int { (maps + block - 1) / block }
  /// The number of words in a block.
  package var blockSize: Int { .work(format.words(depth), block) }
  package var count: Int { .work(groups, blocks, blockSize) }

  /// Packs one block, numbered across all groups.
  package func pack(
    block index: Int, _ w: UnsafePointer<Float>, _ packed: UnsafeMutablePointer<Float>
  ) {
    let first = index % blocks * block
    let own = min(block, maps - first)
    let rows = w + (index / blocks * maps + first) * depth
    let target = packed + index * blockSize
    if format == .bfloat16 {
      return format.packRows(rows, stride: depth, depth: depth, rows: own, target)
    }
    if own < block { target.update(repeating: 0, count: blockSize) }
    ck_transpose(rows, depth, target, block, depth, own, MemoryLayout<Float>.stride)
  }

  /// The packed weights that replace input `index`, if it is constant.
  package func pack(_ call: Preparation, _ index: Int) throws(OperatorError) -> TensorStorage? {
    try call.packed(
      input: index, layout: "blocks \(groups) \(maps) \(depth) \(block) \(format)",
      byteCount: .work(count, MemoryLayout<Float>.stride), tiles: groups * blocks
    ) { source, target, index in
      pack(
        block: index, source.assumingMemoryBound(to: Float.self),
        target.assumingMemoryBound(to: Float.self))
    }
  }
}
