import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution of 8-bit integers in which each output channel reads one input channel, with exact
/// sums, modulo 2³². One instruction multiplies four adjacent columns by four weights.
struct ByteDepthwise: Sendable {
  private let geometry: ConvolutionGeometry
  private let places: (x: Int, w: Int)
  private let maps: Int
  /// The size of the packed weights of a channel, in units of 4 bytes.
  private let taps: Int
  private let flip: UInt8

  /// - Returns: `nil` for a convolution of another form
  init?(_ operands: QuantizedWindows, _ codeW: ByteCode) {
    geometry = operands.geometry
    places = operands.places
    let window = geometry.window
    guard geometry.channels == 1, window.inputCount > 0,
      window.z.input == 1, window.z.kernel == 1, window.z.output == 1, window.x.stride <= 2,
      window.x.dilation == 1 || window.x.kernel == 1,
      window.y.kernel <= 4096, window.x.kernel <= 4096,
      // The copied image is not far larger than the image.
      Int.work(window.y.reach, window.x.reach) / 8 <= Int.total(window.inputCount, 1 << 13)
    else { return nil }
    maps = geometry.groups * geometry.maps
    taps = ck_int8_taps_count(window.y.kernel, window.x.kernel)
    flip = codeW.flip ^ 0x80
  }

  func kernel(
    _ call: Preparation, _ numbers: consuming ByteRows
  ) throws(OperatorError) -> Kernel {
    let (this, window) = (self, geometry.window)
    let constant = try call.packed(
      input: places.w,
      layout: "byte taps \(maps) \(window.y.kernel) \(window.x.kernel) \(flip)",
      byteCount: .work(.total(.work(maps, taps), maps), 4), tiles: maps
    ) { source, target, map in
      this.pack(
        map, source.assumingMemoryBound(to: UInt8.self),
        target.assumingMemoryBound(to: UInt32.self))
    }
    if let constant { try numbers.prepare(call, sums: this.sums(constant.pointer)) }
    let rows = numbers
    let ones = rows.hasZeros ? try ones() : nil
    call.note("8-bit integers, each channel alone: \(geometry.summary)")

    let own = withUnsafePointer(to: window.c) {
      ck_int8_depthwise_scratch($0, rows.hasZeros ? 1 : 0).vectors
    }
    let packedCount = constant == nil ? (maps * (taps + 1)).vectors : 0
    let shared = Int.total(packedCount, rows.scratch)
    @Sendable func scratch(_ buffers: Buffers) -> UnsafeMutablePointer<UInt32> {
      buffers.scratch.assumingMemoryBound(to: UInt32.self)
    }
    let tiles = Tiles(.work(geometry.batch, maps), cost: .work(window.outputCount, taps) / 4)
    let tile: Buffers.Tile = { buffers, task, thread in
      let range = tiles[task]
      var results = rows.c(buffers, scratch(buffers) + packedCount, map: 0)
      let packed =
        constant?.pointer.assumingMemoryBound(to: UInt32.self) ?? scratch(buffers)
      withUnsafePointer(to: this.geometry.window.c) { window in
        ck_int8_convolve_depthwise(
          window, this.maps, this.geometry.maps, range.lowerBound, range.upperBound,
          buffers.input(this.places.x), rows.codes.x.flip, rows.zeroX(buffers), packed,
          ones?.pointer.assumingMemoryBound(to: UInt32.self),
          UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self)), &results,
          scratch(buffers) + shared + thread * own)
      }
    }
    return .compute(scratch: .work(.total(shared, .work(call.threads, own)), 4)) { buffers in
      if constant == nil {
        for map in 0..<this.maps {
          this.pack(map, buffers.input(this.places.w), scratch(buffers))
        }
      }
      rows.prepare(
        buffers, scratch(buffers) + packedCount,
        sums: this.sums(constant?.pointer ?? buffers.scratch))
      buffers.parallel(tiles.count, tile)
    }
  }

  /// The sums of the weights of each channel, which follow the packed weights.
  private func sums(_ packed: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Int32> {
    packed.assumingMemoryBound(to: Int32.self) + maps * taps
  }

  private func pack(
    _ map: Int, _ w: UnsafePointer<UInt8>, _ packed: UnsafeMutablePointer<UInt32>
  ) {
    let window = geometry.window
    ck_int8_pack_taps(
      w + map * window.kernelCount, window.y.kernel, window.x.kernel, flip, packed + map * taps,
      sums(UnsafeMutableRawPointer(packed)) + map)
  }

  /// Packed weights that are all 1.
  private func ones() throws(OperatorError) -> TensorStorage {
    let window = geometry.window
    do throws(TensorError) {
      let packed = try TensorStorage(byteCount: .work(taps, 4))
      let ones = [UInt8](repeating: 1, count: window.kernelCount)
      var sum: Int32 = 0
      ones.withUnsafeBufferPointer { ones in
        guard let ones = ones.baseAddress else { return }
        ck_int8_pack_taps(
          ones, window.y.kernel, window.x.kernel, 0,
          packed.pointer.assumingMemoryBound(to: UInt32.self), &sum)
      }
      return packed
    } catch { throw OperatorError(error) }
  }
}
