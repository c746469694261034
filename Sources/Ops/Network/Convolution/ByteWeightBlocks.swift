import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The layout of 8-bit convolution weights `[groups · maps, channels, taps]`: blocks of output
/// channels of a group, then the sum of each channel's weights. The unit is 4 bytes.
struct ByteWeightBlocks: Sendable {
  let groups: Int
  let maps: Int
  let channels: Int
  let taps: Int
  /// Makes the bytes signed.
  let flip: UInt8
  /// The number of output channels in a block.
  let block = ck_int8_maps()

  init(_ geometry: ConvolutionGeometry, _ code: ByteCode) {
    groups = geometry.groups
    maps = geometry.maps
    channels = geometry.channels
    taps = geometry.window.kernelCount
    flip = code.flip ^ 0x80
  }

  /// The number of blocks in a group.
  var blocks: Int { (maps + block - 1) / block }
  var blockSize: Int { ck_int8_maps_count(channels, taps) }
  private var packedCount: Int { .work(groups, blocks, blockSize) }
  var count: Int { .total(packedCount, .work(groups, maps)) }

  /// The sums of the weights of each output channel, which follow the packed weights.
  func sums(_ packed: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Int32> {
    packed.assumingMemoryBound(to: Int32.self) + packedCount
  }

  /// Packs one block, numbered across all groups.
  func pack(block index: Int, _ w: UnsafePointer<UInt8>, _ packed: UnsafeMutablePointer<UInt32>) {
    let first = index % blocks * block
    let map = index / blocks * maps + first
    ck_int8_pack_maps(
      w + map * channels * taps, min(block, maps - first), channels, taps, flip,
      packed + index * blockSize, sums(UnsafeMutableRawPointer(packed)) + map)
  }

  /// The packed weights that replace input `index`, if it is constant.
  func pack(_ call: Preparation, _ index: Int) throws(OperatorError) -> TensorStorage? {
    try call.packed(
      input: index, layout: "byte blocks \(groups) \(maps) \(channels) \(taps) \(flip) \(block)",
      byteCount: .work(count, 4), tiles: groups * blocks
    ) { source, target, index in
      pack(
        block: index, source.assumingMemoryBound(to: UInt8.self),
        target.assumingMemoryBound(to: UInt32.self))
    }
  }

  /// A block whose first output channel has the weight 1 everywhere.
  func ones() throws(OperatorError) -> TensorStorage {
    do throws(TensorError) {
      let packed = try TensorStorage(byteCount: .work(blockSize, 4))
      let ones = [UInt8](repeating: 1, count: .work(channels, taps))
      var sum: Int32 = 0
      ones.withUnsafeBufferPointer { ones in
        guard let ones = ones.baseAddress else { return }
        ck_int8_pack_maps(
          ones, 1, channels, taps, 0, packed.pointer.assumingMemoryBound(to: UInt32.self), &sum)
      }
      return packed
    } catch { throw OperatorError(error) }
  }
}
