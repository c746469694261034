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
  private let places: (x: Int, w: Int)
  private let offsets: [Int]
  /// Many images are copied one by one by the thread that uses them; few are copied up front.
  private let isOneByOne: Bool

  /// - Returns: `nil` if the copy would be far larger than the image
  init?(_ operands: QuantizedWindows, _ codeW: ByteCode) {
    geometry = operands.geometry
    guard geometry.depth > 0, geometry.window.inputCount > 0,
      let layout = DirectLayout(
        geometry.window, channels: (geometry.channels + 3) / 4, isAlwaysCopied: true)
    else { return nil }
    self.layout = layout
    places = operands.places
    offsets = layout.offsets()
    weights = ByteWeightBlocks(geometry, codeW)
    cut = ByteCut(geometry, layout, weights)
    isOneByOne = geometry.batch >= 8
  }

  func kernel(
    _ call: Preparation, _ numbers: consuming ByteRows
  ) throws(OperatorError) -> Kernel {
    let this = self
    let geometry = geometry
    let constant = try weights.pack(call, places.w)
    if let constant { try numbers.prepare(call, sums: this.weights.sums(constant.pointer)) }
    let rows = numbers
    let ones = rows.hasZeros ? try weights.ones() : nil
    let memory = Memory(
      weights: constant == nil ? weights.count : 0, rows: rows.scratch,
      image: .work(geometry.groups, layout.channels, layout.plane),
      windows: rows.hasZeros ? .work(cut.planes, layout.places) : 0,
      images: isOneByOne ? call.threads : geometry.batch)
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
        this.copy(
          buffers, image: index / cells, cell: index % cells,
          to: memory.image(buffers, index / cells), rows)
      }
    }
    let windows: Buffers.Tile = { buffers, index, _ in
      guard let ones else { return }
      let (image, plane) = (index / this.cut.planes, index % this.cut.planes)
      this.addWindows(
        memory.image(buffers, image), plane: plane, ones, to: memory.windows(buffers, image))
    }
    let perImage = cut.planes * cut.perPlane
    @Sendable func convolve(_ buffers: Buffers, image: Int, part: Int, of slot: Int) {
      this.convolve(
        buffers, image: image, part: part, memory.image(buffers, slot), packed(buffers),
        windows: ones == nil ? nil : UnsafePointer(memory.windows(buffers, slot)), rows,
        memory.rows(buffers))
    }
    let part: Buffers.Tile = { buffers, task, _ in
      convolve(buffers, image: task / perImage, part: task % perImage, of: task / perImage)
    }
    let whole: Buffers.Tile = { buffers, image, thread in
      let copied = memory.image(buffers, thread)
      for cell in 0..<cells { this.copy(buffers, image: image, cell: cell, to: copied, rows) }
      if let ones {
        for plane in 0..<this.cut.planes {
          this.addWindows(copied, plane: plane, ones, to: memory.windows(buffers, thread))
        }
      }
      for part in 0..<perImage { convolve(buffers, image: image, part: part, of: thread) }
    }
    return .compute(scratch: memory.byteCount) { buffers in
      if constant == nil {
        buffers.parallel(geometry.groups * this.weights.blocks, packWeights)
      }
      rows.prepare(
        buffers, memory.rows(buffers),
        sums: this.weights.sums(UnsafeMutableRawPointer(mutating: packed(buffers))))
      if this.isOneByOne {
        buffers.parallel(geometry.batch, whole)
        return
      }
      buffers.parallel(copies.count, copy)
      if ones != nil { buffers.parallel(geometry.batch * this.cut.planes, windows) }
      buffers.parallel(geometry.batch * perImage, part)
    }
  }

  /// Copies four channels of an image.
  private func copy(
    _ buffers: Buffers, image: Int, cell: Int, to copied: UnsafeMutablePointer<UInt32>,
    _ rows: ByteRows
  ) {
    let (group, part) = (cell / layout.channels, cell % layout.channels)
    let channel = (image * geometry.groups + group) * geometry.channels + 4 * part
    let count = min(4, geometry.channels - 4 * part)
    let x = buffers.input(places.x, as: UInt8.self) + channel * geometry.window.inputCount
    let zero = rows.zeroX(buffers)
    layout.withPhases { window, phases in
      ck_int8_copy_cells(
        window, phases, x, count, rows.codes.x.flip, zero, copied + cell * layout.plane)
    }
  }

  /// The first window of a plane, numbered across all groups.
  private func start(
    _ image: UnsafePointer<UInt32>, plane: Int
  ) -> UnsafePointer<UInt32> {
    let (group, z) = (plane / geometry.window.z.output, plane % geometry.window.z.output)
    return image + group * layout.channels * layout.plane + layout.start(plane: z)
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

  /// Computes the sums of all windows of a plane.
  private func addWindows(
    _ image: UnsafePointer<UInt32>, plane: Int, _ ones: TensorStorage,
    to windows: UnsafeMutablePointer<Int32>
  ) {
    withUnsafePointer(to: 0 as Int32) { zero in
      var results = ck_int8_results(
        start: zero, zero: nil, windows: nil, scale: nil, zero_y: 0, low: 0, high: 0)
      withShape(width: layout.row, outputs: layout.places) { shape in
        ck_int8_convolve(
          shape, ones.pointer.assumingMemoryBound(to: UInt32.self), 1, start(image, plane: plane),
          0, layout.places, windows + plane * layout.places, &results)
      }
    }
  }

  private func convolve(
    _ buffers: Buffers, image: Int, part: Int, _ copied: UnsafePointer<UInt32>,
    _ packed: UnsafePointer<UInt32>, windows: UnsafePointer<Int32>?, _ rows: ByteRows,
    _ numbers: UnsafeMutablePointer<UInt32>
  ) {
    let (plane, own) = (part / cut.perPlane, cut[part % cut.perPlane])
    let window = geometry.window
    let (group, z) = (plane / window.z.output, plane % window.z.output)
    let map = group * geometry.maps + own.maps.lowerBound
    let place =
      (image * geometry.groups * geometry.maps + map) * window.outputCount
      + z * window.y.output * window.x.output
    var results = rows.c(
      buffers, numbers, map: map, windows: windows.map { $0 + plane * layout.places })
    let block = group * weights.blocks + own.maps.lowerBound / weights.block
    let y = UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self))
    withShape(width: window.x.output, outputs: window.outputCount) { shape in
      ck_int8_convolve(
        shape, packed + block * weights.blockSize, own.maps.count, start(copied, plane: plane),
        own.first, own.count, y + place * rows.results.stride, &results)
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
      self.rows = rows.vectors
      self.image = Int.total(image, Self.margin).vectors
      self.windows = windows == 0 ? 0 : Int.total(windows, Self.margin).vectors
      self.images = images
    }

    var byteCount: Int { .work(.total(weights, rows, .work(images, .total(image, windows))), 4) }
    func weights(_ buffers: Buffers) -> UnsafeMutablePointer<UInt32> {
      buffers.scratch.assumingMemoryBound(to: UInt32.self)
    }
    func rows(_ buffers: Buffers) -> UnsafeMutablePointer<UInt32> { weights(buffers) + weights }
    func image(_ buffers: Buffers, _ slot: Int) -> UnsafeMutablePointer<UInt32> {
      rows(buffers) + rows + slot * (image + windows)
    }
    func windows(_ buffers: Buffers, _ slot: Int) -> UnsafeMutablePointer<Int32> {
      UnsafeMutableRawPointer(image(buffers, slot) + image).assumingMemoryBound(to: Int32.self)
    }
  }
}
