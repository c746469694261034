import CKernels
import ONNXFormat
import ONNXOperators

/// The layout of transformed 3 × 3 kernels `[groups · maps, channels, 3, 3]`: panels of output
/// channels, and in each `[position, channel, map]`.
struct WinogradWeights: Sendable {
  /// The number of results of a tile along each axis.
  let size: Int
  let groups: Int
  /// The number of output channels in a group.
  let maps: Int
  /// The number of input channels in a group.
  let channels: Int
  /// The number of output channels in a panel.
  let width = ck_block_maps()

  /// The number of channels, padded to whole blocks.
  var padded: Int {
    let lanes = ck_block_lanes()
    return (channels + lanes - 1) / lanes * lanes
  }
  /// The number of channels in the last block that are multiplied: whole quarters of a vector.
  var lastLanes: Int { channels == 0 ? 0 : ((channels - 1) % ck_block_lanes() + 4) / 4 * 4 }
  /// The number of panels in a group.
  var panels: Int { (maps + width - 1) / width }
  private var positions: Int { (size + 2) * (size + 2) }
  private var groupSize: Int { .work(positions, padded, ck_block_padded(maps)) }
  var count: Int { .work(groups, groupSize) }

  /// The output channels of a panel.
  func maps(_ panel: Int) -> Range<Int> { panel * width..<min((panel + 1) * width, maps) }

  /// The first element of a panel.
  func start(group: Int, panel: Int) -> Int {
    group * groupSize + panel * width * padded * positions
  }

  /// Transforms the kernels of one panel, numbered across all groups.
  func pack(panel index: Int, _ w: UnsafePointer<Float>, _ packed: UnsafeMutablePointer<Float>) {
    let (group, panel) = index.quotientAndRemainder(dividingBy: panels)
    let own = maps(panel)
    let row = ck_block_padded(own.count)
    let target = packed + start(group: group, panel: panel)
    target.update(repeating: 0, count: positions * padded * row)
    let depth = channels * 9
    for map in stride(from: 0, to: own.count, by: Int(CK_WINOGRAD_KERNELS)) {
      let source = w + (group * maps + own.lowerBound + map) * depth
      let count = min(Int(CK_WINOGRAD_KERNELS), own.count - map)
      for channel in 0..<channels {
        ck_winograd_weights(
          size, source + channel * 9, depth, count, target + channel * row + map, padded * row)
      }
    }
  }

  /// The packed weights that replace input `index`, if it is constant.
  func pack(_ call: Preparation, _ index: Int) throws(OperatorError) -> TensorStorage? {
    try call.packed(
      input: index, layout: "winograd \(size) \(groups) \(maps)",
      byteCount: .work(count, MemoryLayout<Float>.stride), tiles: groups * panels
    ) { source, target, index in
      pack(
        panel: index, source.assumingMemoryBound(to: Float.self),
        target.assumingMemoryBound(to: Float.self))
    }
  }
}
