import CKernels
import ONNXFormat
import ONNXOperators

/// The layout of convolution weights `[groups · maps, channels, elements]` for products along
/// channels: panels of output channels, and in each `[block of channels, element, channel, map]`.
struct BlockedWeights: Sendable {
  let groups: Int
  /// The number of output channels in a group.
  let maps: Int
  /// The number of input channels in a group.
  let channels: Int
  /// The number of elements of the kernel.
  let taps: Int
  /// The number of channels in a block.
  let lanes = ck_block_lanes()
  /// The number of output channels in a panel.
  let width = ck_block_maps()

  /// The number of blocks of channels.
  var blocks: Int { (channels + lanes - 1) / lanes }
  /// The number of channels in the last block that are multiplied: whole quarters of a vector.
  var lastLanes: Int { channels == 0 ? 0 : ((channels - 1) % lanes + 4) / 4 * 4 }
  /// The number of panels in a group.
  var panels: Int { (maps + width - 1) / width }
  /// The number of terms of a sum, with those of missing channels.
  var depth: Int { .work(blocks, lanes, taps) }
  private var groupSize: Int { .work(ck_block_padded(maps), depth) }
  var count: Int { .work(groups, groupSize) }

  /// The output channels of a panel.
  func maps(_ panel: Int) -> Range<Int> { panel * width..<min((panel + 1) * width, maps) }

  /// The first element of a panel.
  func start(group: Int, panel: Int) -> Int { group * groupSize + panel * width * depth }

  /// Packs one panel, numbered across all groups.
  func pack(panel index: Int, _ w: UnsafePointer<Float>, _ packed: UnsafeMutablePointer<Float>) {
    let (group, panel) = index.quotientAndRemainder(dividingBy: panels)
    let own = maps(panel)
    let padded = ck_block_padded(own.count)
    let target = packed + start(group: group, panel: panel)
    target.update(repeating: 0, count: padded * depth)
    let stride = channels * taps
    let source = w + (group * maps + own.lowerBound) * stride
    for channel in 0..<channels {
      let (block, lane) = channel.quotientAndRemainder(dividingBy: lanes)
      ck_transpose(
        source + channel * taps, stride, target + (block * taps * lanes + lane) * padded,
        lanes * padded, taps, own.count, MemoryLayout<Float>.stride)
    }
  }

  /// The packed weights that replace input `index`, if it is constant.
  func pack(_ call: Preparation, _ index: Int) throws(OperatorError) -> TensorStorage? {
    try call.packed(
      input: index, layout: "blocked \(groups) \(maps) \(channels) \(taps)",
      byteCount: .work(count, MemoryLayout<Float>.stride), tiles: groups * panels
    ) { source, target, index in
      pack(
        panel: index, source.assumingMemoryBound(to: Float.self),
        target.assumingMemoryBound(to: Float.self))
    }
  }
}
