import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution of 8-bit integers in which each output channel reads one input channel, with exact
/// sums, modulo 2³². One instruction multiplies four adjacent columns by four weights.
struct ByteDepthwise: Sendable {
  private let geometry: ConvolutionGeometry
  private let rows: ByteRows
  private let places: (x: Int, w: Int)
  private let shape: ck_int8_depthwise
  private let threads: Int
  /// The sizes of a copied channel, in bytes, and of the packed weights of a channel, in units of 4
  /// bytes.
  private let image: Int
  private let taps: Int

  /// - Returns: `nil` for a convolution of another form
  init?(
    _ operands: QuantizedWindows, _ call: Preparation, _ results: ByteResults
  ) throws(OperatorError) {
    geometry = operands.geometry
    let window = geometry.window
    guard geometry.channels == 1, window.inputCount > 0,
      window.z.input == 1, window.z.kernel == 1, window.z.output == 1,
      window.x.stride <= 2, window.x.dilation == 1 || window.x.kernel == 1,
      window.y.kernel <= 4096, window.x.kernel <= 4096,
      Int.work(window.y.reach, window.x.reach) / 8 <= Int.total(window.inputCount, 1 << 13),
      let codeX = ByteCode(try call.elementType(operands.places.x)),
      let codeW = ByteCode(try call.elementType(operands.places.w))
    else { return nil }
    places = operands.places
    rows = ByteRows(operands, call, codes: (codeX, codeW), results)
    threads = call.threads
    var form = window.c
    shape = ck_int8_depthwise_shape(&form)
    image = ck_int8_depthwise_bytes(&form)
    taps = ck_int8_taps_count(window.y.kernel, window.x.kernel)
  }

  private var maps: Int { geometry.groups * geometry.maps }

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (this, maps, window) = (self, maps, geometry.window)
    let constant = try call.packed(
      input: places.w,
      layout: "byte taps \(maps) \(window.y.kernel) \(window.x.kernel) \(rows.codes.w.flip)",
      byteCount: .work(.total(.work(maps, taps), maps), 4), tiles: maps
    ) { source, target, map in
      this.pack(
        map, source.assumingMemoryBound(to: UInt8.self),
        target.assumingMemoryBound(to: UInt32.self))
    }
    let ones = rows.hasZeros ? try ones() : nil
    call.note("8-bit integers, each channel alone: \(geometry.summary)")
    let memory = Memory(
      weights: constant == nil ? maps * (taps + 1) : 0, rows: maps, image: image,
      windows: ones == nil ? 0 : window.outputCount)
    @Sendable func packed(_ buffers: Buffers) -> UnsafePointer<UInt32> {
      UnsafePointer(
        constant?.pointer.assumingMemoryBound(to: UInt32.self) ?? memory.weights(buffers))
    }
    let tiles = Tiles(.work(geometry.batch, maps), cost: .work(window.outputCount, taps) / 4)
    let tile: Buffers.Tile = { buffers, task, thread in
      let image = memory.image(buffers, thread)
      let windows = memory.windows(buffers, thread)
      image.update(repeating: this.rows.zeroX(buffers), count: this.image)
      var copied = -1
      for result in tiles[task] {
        let channel = result / this.geometry.maps
        let map = result % maps
        if copied != channel {
          copied = channel
          this.copy(channel, buffers, to: image)
          if let ones { this.addWindows(image, ones, to: windows) }
        }
        this.convolve(
          buffers, result, image, packed(buffers) + map * this.taps, memory.start(buffers) + map,
          memory.zero(buffers) + map, memory.scale(buffers) + map, ones == nil ? nil : windows,
          end: tiles[task].upperBound)
      }
    }
    return .compute(scratch: memory.byteCount(threads: threads)) { buffers in
      if constant == nil {
        for map in 0..<maps {
          this.pack(map, buffers.input(this.places.w), memory.weights(buffers))
        }
      }
      this.rows.prepare(
        buffers, depth: window.kernelCount,
        sums: UnsafeRawPointer(packed(buffers) + maps * this.taps)
          .assumingMemoryBound(to: Int32.self),
        start: memory.start(buffers), zero: memory.zero(buffers), scale: memory.scale(buffers))
      buffers.parallel(tiles.count, tile)
    }
  }

  private func pack(
    _ map: Int, _ w: UnsafePointer<UInt8>, _ packed: UnsafeMutablePointer<UInt32>
  ) {
    let window = geometry.window
    (packed + maps * taps + map).withMemoryRebound(to: Int32.self, capacity: 1) { sum in
      ck_int8_pack_taps(
        w + map * window.kernelCount, window.y.kernel, window.x.kernel,
        rows.codes.w.flip ^ 0x80, packed + map * taps, sum)
    }
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

  private func copy(_ channel: Int, _ buffers: Buffers, to image: UnsafeMutablePointer<UInt8>) {
    withUnsafePointer(to: geometry.window.c) { window in
      ck_int8_copy_channel(
        window, buffers.input(places.x) + channel * geometry.window.inputCount,
        rows.codes.x.flip, image)
    }
  }

  private func addWindows(
    _ image: UnsafePointer<UInt8>, _ ones: TensorStorage, to windows: UnsafeMutablePointer<Int32>
  ) {
    withUnsafePointer(to: 0 as Int32) { start in
      var results = ck_int8_results(
        start: start, zero: nil, windows: nil, scale: nil, zero_y: 0, low: 0, high: 0)
      withUnsafePointer(to: shape) { shape in
        ck_int8_depthwise_rows(
          shape, image, ones.pointer.assumingMemoryBound(to: UInt32.self), windows,
          windows + geometry.window.outputCount + 15, &results)
      }
    }
  }

  private func convolve(
    _ buffers: Buffers, _ result: Int, _ image: UnsafePointer<UInt8>,
    _ weights: UnsafePointer<UInt32>, _ start: UnsafePointer<Int32>, _ zero: UnsafePointer<Int32>,
    _ scale: UnsafePointer<Float>, _ windows: UnsafePointer<Int32>?,
    end: Int
  ) {
    let range = rows.results.range(buffers)
    var results = ck_int8_results(
      start: start, zero: zero, windows: windows, scale: rows.results.isQuantized ? scale : nil,
      zero_y: range.zero, low: range.low, high: range.high)
    let size = geometry.window.outputCount * rows.results.stride
    let y = UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self))
    withUnsafePointer(to: shape) { shape in
      ck_int8_depthwise_rows(
        shape, image, weights, y + result * size, y + end * size, &results)
    }
  }

  /// The scratch memory, in units of 4 bytes: packed weights, numbers of each output channel, and
  /// for each thread a copied channel and the sums of its windows.
  private struct Memory: Sendable {
    private let weights: Int
    private let rows: Int
    private let image: Int
    private let windows: Int

    init(weights: Int, rows: Int, image: Int, windows: Int) {
      self.weights = weights.vectors
      self.rows = rows.vectors
      self.image = Int.total(image / 4, 64).vectors
      self.windows = windows == 0 ? 0 : Int.total(windows, 64).vectors
    }

    func byteCount(threads: Int) -> Int {
      .work(.total(weights, .work(3, rows), .work(threads, .total(image, windows))), 4)
    }
    func weights(_ buffers: Buffers) -> UnsafeMutablePointer<UInt32> {
      buffers.scratch.assumingMemoryBound(to: UInt32.self)
    }
    func start(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> {
      buffers.scratch.assumingMemoryBound(to: Int32.self) + weights
    }
    func zero(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> { start(buffers) + rows }
    func scale(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
      buffers.scratch.assumingMemoryBound(to: Float.self) + weights + 2 * rows
    }
    func image(_ buffers: Buffers, _ thread: Int) -> UnsafeMutablePointer<UInt8> {
      buffers.scratch.assumingMemoryBound(to: UInt8.self)
        + (weights + 3 * rows + thread * (image + windows)) * 4
    }
    func windows(_ buffers: Buffers, _ thread: Int) -> UnsafeMutablePointer<Int32> {
      start(buffers) + 3 * rows + thread * (image + windows) + image
    }
  }
}
