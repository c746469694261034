import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution of float32 tensors as a product of packed matrices. Windows are packed to panels
/// directly from the image, some columns at a time, so that they are still in the cache when they
/// are multiplied by the weights.
struct PanelConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue
  let layout: DirectLayout
  private let weights: PackedWeights
  /// The number of windows in a plane of the result.
  private let places: Int
  /// The number of windows packed together.
  private let chunk: Int
  /// The number of chunks in a plane.
  private let chunks: Int

  init(
    geometry: ConvolutionGeometry, epilogue: Epilogue, layout: DirectLayout,
    format: PanelFormat = .float32
  ) {
    self.geometry = geometry
    self.epilogue = epilogue
    self.layout = layout
    weights = PackedWeights(
      groups: geometry.groups, maps: geometry.maps, depth: geometry.depth,
      block: ck_panel_rows(), format: format)
    places = geometry.window.y.output * geometry.window.x.output
    let panel = ck_panel_columns()
    // Packed windows should stay in the second-level cache, or be read several times.
    let goal = min(max(65_536 / max(geometry.depth, 1), 48), 512)
    let runs = (places + goal - 1) / goal
    chunk = ((places + runs - 1) / runs + panel - 1) / panel * panel
    chunks = (places + chunk - 1) / chunk
  }

  /// The number of multiplications that do not justify a second thread.
  private static let smallWork = 1 << 18

  /// A part of the work: windows of one plane of one group's result.
  private struct Part {
    let image: Int
    let group: Int
    let plane: Int
    let first: Int
    let count: Int
  }

  private var perImage: Int { geometry.groups * geometry.window.z.output * chunks }

  private func part(_ index: Int) -> Part {
    let planes = geometry.window.z.output
    let first = index % chunks * chunk
    return Part(
      image: index / perImage, group: index % perImage / (planes * chunks),
      plane: index / chunks % planes, first: first, count: min(chunk, places - first))
  }

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let this = self
    let constant = try weights.pack(call, 1)
    let offsets = layout.offsets()
    let channels = geometry.groups * geometry.channels
    let parts = Int.work(geometry.batch, perImage)
    let panels = Int.work(chunk, geometry.depth).vectors
    // With few parts, tasks share packed windows, so that output channels can be divided too.
    let isShared = parts < 8
    let divides =
      isShared && Int.work(parts, chunk, geometry.depth, geometry.maps) > Self.smallWork
    let memory = Memory(
      weights: constant == nil ? weights.count.vectors : 0,
      images: layout.isCopied ? Int.work(geometry.batch, channels, layout.plane, 1).vectors : 0,
      panels: panels, panelCount: isShared ? parts : call.threads)

    let copies = Tiles(.work(geometry.batch, channels), cost: layout.plane)
    let copy: Buffers.Tile = { buffers, task, _ in
      let target = memory.images(buffers)
      for channel in copies[task] {
        this.layout.copy(
          buffers.input(0) + channel * this.geometry.window.inputCount,
          target + channel * this.layout.plane)
      }
    }
    let packWeights: Buffers.Tile = { buffers, block, _ in
      this.weights.pack(block: block, buffers.input(1), memory.weights(buffers))
    }
    @Sendable func pack(_ buffers: Buffers, _ part: Part, _ target: UnsafeMutablePointer<Float>) {
      let x = this.layout.isCopied ? UnsafePointer(memory.images(buffers)) : buffers.input(0)
      let channel = (part.image * this.geometry.groups + part.group) * this.geometry.channels
      offsets.withUnsafeBufferPointer { offsets in
        var shape = ck_direct(
          depth: this.geometry.depth, offsets: offsets.baseAddress, row: this.layout.row,
          width: this.geometry.window.x.output, outputs: 0)
        ck_pack_windows(
          &shape, x + channel * this.layout.plane + this.layout.start(plane: part.plane),
          part.first, part.count, target)
      }
      this.weights.format.convert(
        panels: target, depth: this.geometry.depth, columns: part.count)
    }
    @Sendable func multiply(
      _ buffers: Buffers, _ part: Part, _ blocks: Range<Int>, _ panels: UnsafePointer<Float>
    ) {
      let (geometry, weights) = (this.geometry, this.weights)
      let row = blocks.lowerBound * weights.block
      let map = part.group * geometry.maps + row
      let outputs = geometry.window.outputCount
      let place =
        (part.image * geometry.groups * geometry.maps + map) * outputs + part.plane * this.places
        + part.first
      let epilogue = this.epilogue.c(buffers, offset: place, channel: map)
      let product = ck_product(
        depth: weights.format.words(geometry.depth),
        rows: min(blocks.upperBound * weights.block, geometry.maps) - row,
        columns: part.count, stride: outputs, residual_stride: outputs)
      let packed =
        constant.map { UnsafePointer($0.floats) } ?? UnsafePointer(memory.weights(buffers))
      weights.format.multiply(
        product,
        packed + (part.group * weights.blocks + blocks.lowerBound) * weights.blockSize,
        panels, buffers.output(0) + place, epilogue)
    }

    let whole = Tiles(parts, cost: .work(chunk, geometry.depth, geometry.maps) / 16)
    let convolve: Buffers.Tile = { buffers, task, thread in
      let panels = memory.panels(buffers, thread)
      for index in whole[task] {
        let part = this.part(index)
        pack(buffers, part, panels)
        multiply(buffers, part, 0..<this.weights.blocks, UnsafePointer(panels))
      }
    }
    let packShared: Buffers.Tile = { buffers, index, _ in
      pack(buffers, this.part(index), memory.panels(buffers, index))
    }
    let cut = max(1, weights.blocks * parts / 8)
    let cuts = (weights.blocks + cut - 1) / cut
    let multiplyShared: Buffers.Tile = { buffers, task, _ in
      let first = task % cuts * cut
      multiply(
        buffers, this.part(task / cuts), first..<min(first + cut, this.weights.blocks),
        UnsafePointer(memory.panels(buffers, task / cuts)))
    }
    return .compute(scratch: memory.byteCount) { buffers in
      if constant == nil {
        buffers.parallel(this.geometry.groups * this.weights.blocks, packWeights)
      }
      if this.layout.isCopied { buffers.parallel(copies.count, copy) }
      if divides {
        buffers.parallel(parts, packShared)
        buffers.parallel(parts * cuts, multiplyShared)
      } else {
        buffers.parallel(whole.count, convolve)
      }
    }
  }

  /// The scratch memory: packed weights, copied images, packed windows.
  private struct Memory: Sendable {
    let weights: Int
    let images: Int
    let panels: Int
    let panelCount: Int

    var byteCount: Int {
      .work(.total(weights, images, .work(panels, panelCount), 64), MemoryLayout<Float>.stride)
    }
    func weights(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
      buffers.scratch.assumingMemoryBound(to: Float.self)
    }
    func images(_ buffers: Buffers) -> UnsafeMutablePointer<Float> { weights(buffers) + weights }
    func panels(_ buffers: Buffers, _ index: Int) -> UnsafeMutablePointer<Float> {
      images(buffers) + images + index * panels
    }
  }
}
