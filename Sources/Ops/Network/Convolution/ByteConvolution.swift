import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution of 8-bit integers with exact sums, modulo 2³². Four channels of the image are
/// interleaved in a copy, so that one instruction multiplies them by four weights; neighbouring
/// windows are adjacent (`DirectLayout`).
struct ByteConvolution: Sendable {
  private let geometry: ConvolutionGeometry
  private let layout: DirectLayout
  private let weights: ByteWeightBlocks
  private let cut: ByteCut
  private let rows: ByteRows
  private let memory: Memory
  private let places: (x: Int, w: Int)
  private let offsets: [Int]
  /// Many images are copied one by one by the thread that uses them; few are copied up front.
  private let isOneByOne: Bool

  /// - Returns: `nil` if the copy would be far larger than the image
  init?(
    _ operands: QuantizedWindows, _ call: Preparation, _ results: ByteResults
  ) throws(OperatorError) {
    geometry = operands.geometry
    guard geometry.depth > 0, geometry.window.inputCount > 0,
      let codeX = ByteCode(try call.elementType(operands.places.x)),
      let codeW = ByteCode(try call.elementType(operands.places.w)),
      let layout = DirectLayout(
        geometry.window, channels: (geometry.channels + 3) / 4, isAlwaysCopied: true)
    else { return nil }
    self.layout = layout
    places = operands.places
    offsets = layout.offsets()
    weights = ByteWeightBlocks(geometry, codeW)
    rows = ByteRows(operands, call, codes: (codeX, codeW), results)
    cut = ByteCut(geometry, layout, weights)
    isOneByOne = geometry.batch >= 8
    memory = Memory(
      weights: call.inputs.constant(places.w) == nil ? weights.count : 0,
      rows: geometry.groups * geometry.maps,
      image: .work(geometry.groups, layout.channels, layout.plane),
      windows: rows.hasZeros ? .work(cut.planes, layout.places) : 0,
      images: isOneByOne ? call.threads : geometry.batch)
  }

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let this = self
    let (geometry, memory) = (geometry, memory)
    let constant = try weights.pack(call, places.w)
    let ones = rows.hasZeros ? try weights.ones() : nil
    call.note("8-bit integers: \(geometry.summary)")

    @Sendable func packed(_ buffers: Buffers) -> UnsafePointer<UInt32> {
      UnsafePointer(
        constant?.pointer.assumingMemoryBound(to: UInt32.self) ?? memory.weights(buffers))
    }
    let packWeights: Buffers.Tile = { buffers, block, _ in
      this.weights.pack(block: block, buffers.input(this.places.w), memory.weights(buffers))
    }
    let cells = geometry.groups * layout.channels
    let copies = Tiles(.work(geometry.batch, cells), cost: layout.plane)
    let copy: Buffers.Tile = { buffers, task, _ in
      for index in copies[task] {
        this.copy(buffers, image: index / cells, cell: index % cells, to: index / cells)
      }
    }
    let windows: Buffers.Tile = { buffers, index, _ in
      guard let ones else { return }
      let (image, plane) = (index / this.cut.planes, index % this.cut.planes)
      this.addWindows(buffers, plane: plane, of: image, ones)
    }
    let perImage = cut.planes * cut.perPlane
    let convolve: Buffers.Tile = { buffers, task, _ in
      this.convolve(
        buffers, image: task / perImage, part: task % perImage, of: task / perImage,
        packed(buffers))
    }
    let whole: Buffers.Tile = { buffers, image, thread in
      for cell in 0..<cells { this.copy(buffers, image: image, cell: cell, to: thread) }
      if let ones {
        for plane in 0..<this.cut.planes {
          this.addWindows(buffers, plane: plane, of: thread, ones)
        }
      }
      for part in 0..<perImage {
        this.convolve(buffers, image: image, part: part, of: thread, packed(buffers))
      }
    }
    return .compute(scratch: memory.byteCount) { buffers in
      if constant == nil {
        buffers.parallel(geometry.groups * this.weights.blocks, packWeights)
      }
      this.rows.prepare(
        buffers, depth: geometry.depth,
        sums: UnsafeRawPointer(packed(buffers) + this.weights.sums)
          .assumingMemoryBound(to: Int32.self),
        start: memory.start(buffers), zero: memory.zero(buffers), scale: memory.scale(buffers))
      if this.isOneByOne {
        buffers.parallel(geometry.batch, whole)
        return
      }
      buffers.parallel(copies.count, copy)
      if ones != nil { buffers.parallel(geometry.batch * this.cut.planes, windows) }
      buffers.parallel(geometry.batch * perImage, convolve)
    }
  }

  /// Copies four channels of an image to place `slot`.
  private func copy(_ buffers: Buffers, image: Int, cell: Int, to slot: Int) {
    let (group, part) = (cell / layout.channels, cell % layout.channels)
    let channel = (image * geometry.groups + group) * geometry.channels + 4 * part
    let count = min(4, geometry.channels - 4 * part)
    let x = buffers.input(places.x, as: UInt8.self) + channel * geometry.window.inputCount
    let zero = rows.zeroX(buffers)
    let target = memory.image(buffers, slot) + cell * layout.plane
    layout.withPhases { window, phases in
      ck_int8_copy_cells(window, phases, x, count, rows.codes.x.flip, zero, target)
    }
  }

  private func cells(_ buffers: Buffers, _ slot: Int, plane: Int) -> UnsafePointer<UInt32> {
    let (group, z) = (plane / geometry.window.z.output, plane % geometry.window.z.output)
    return UnsafePointer(
      memory.image(buffers, slot) + group * layout.channels * layout.plane
        + layout.start(plane: z))
  }

  private func withShape(
    width: Int, outputs: Int, _ body: (UnsafePointer<ck_direct>) -> Void
  ) {
    offsets.withUnsafeBufferPointer { offsets in
      guard let first = offsets.baseAddress else { return }
      let shape = ck_direct(
        depth: offsets.count, offsets: first, row: layout.row, width: width, outputs: outputs)
      withUnsafePointer(to: shape, body)
    }
  }

  /// The sums of all windows of a plane.
  private func addWindows(
    _ buffers: Buffers, plane: Int, of slot: Int, _ ones: TensorStorage
  ) {
    withUnsafePointer(to: 0 as Int32) { start in
      var results = ck_int8_results(
        start: start, zero: nil, windows: nil, scale: nil, zero_y: 0, low: 0, high: 0)
      withShape(width: layout.row, outputs: layout.places) { shape in
        ck_int8_convolve(
          shape, ones.pointer.assumingMemoryBound(to: UInt32.self), 1,
          cells(buffers, slot, plane: plane), 0, layout.places,
          memory.windows(buffers, slot) + plane * layout.places, &results)
      }
    }
  }

  private func convolve(
    _ buffers: Buffers, image: Int, part: Int, of slot: Int, _ packed: UnsafePointer<UInt32>
  ) {
    let (plane, own) = (part / cut.perPlane, cut[part % cut.perPlane])
    let window = geometry.window
    let (group, z) = (plane / window.z.output, plane % window.z.output)
    let map = group * geometry.maps + own.maps.lowerBound
    let place =
      (image * geometry.groups * geometry.maps + map) * window.outputCount
      + z * window.y.output * window.x.output
    let range = rows.results.range(buffers)
    var results = ck_int8_results(
      start: memory.start(buffers) + map, zero: memory.zero(buffers) + map,
      windows: rows.hasZeros ? memory.windows(buffers, slot) + plane * layout.places : nil,
      scale: rows.results.isQuantized ? memory.scale(buffers) + map : nil, zero_y: range.zero,
      low: range.low, high: range.high)
    let block = group * weights.blocks + own.maps.lowerBound / weights.block
    let y = UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self))
    withShape(width: window.x.output, outputs: window.outputCount) { shape in
      ck_int8_convolve(
        shape, packed + block * weights.blockSize, own.maps.count,
        cells(buffers, slot, plane: plane), own.first, own.count,
        y + place * rows.results.stride, &results)
    }
  }

  /// The scratch memory, in units of 4 bytes: packed weights, numbers of each output channel,
  /// copied images, sums of windows. Vectors may be read past the ends.
  private struct Memory: Sendable {
    private let weights: Int
    private let rows: Int
    private let image: Int
    private let windows: Int
    private let images: Int
    private static let margin = 64

    init(weights: Int, rows: Int, image: Int, windows: Int, images: Int) {
      self.weights = weights.vectors
      self.rows = Int.total(rows, Self.margin).vectors
      self.image = Int.total(image, Self.margin).vectors
      self.windows = windows == 0 ? 0 : Int.total(windows, Self.margin).vectors
      self.images = images
    }

    var byteCount: Int {
      .work(.total(weights, .work(3, rows), .work(images, .total(image, windows))), 4)
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
    func image(_ buffers: Buffers, _ slot: Int) -> UnsafeMutablePointer<UInt32> {
      weights(buffers) + weights + 3 * rows + slot * (image + windows)
    }
    func windows(_ buffers: Buffers, _ slot: Int) -> UnsafeMutablePointer<Int32> {
      start(buffers) + 3 * rows + slot * (image + windows) + image
    }
  }
}
