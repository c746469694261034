import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution of float32 tensors with its epilogue, tile by tile.
struct FloatConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue

  /// - Returns: `nil` for shapes for which the plain loops of `DirectConvolution` are as fast.
  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel? {
    if call.convolution == .sizeInvariant { return try sizeInvariantKernel(call) }
    if geometry.window.isWhole && geometry.groups == 1 && epilogue.residual == nil {
      let product = PanelProduct(
        rows: geometry.batch, columns: geometry.maps, depth: geometry.depth, isTransposed: true,
        bias: epilogue.bias, activation: epilogue.activation)
      if let kernel = try product.kernel(call) { return kernel }
    }
    if let depthwise = DepthwiseConvolution(geometry: geometry, epilogue: epilogue) {
      call.note(depthwise.summary)
      return depthwise.kernel(call)
    }
    if geometry.window.outputCount < 8 {
      // Few windows do not pay for packing weights.
      if call.inputs.constant(1) != nil, geometry.channels >= ck_block_lanes(),
        let blocked = BlockedConvolution(geometry: geometry, epilogue: epilogue)
      {
        call.note("products along channels: \(geometry.summary)")
        return try blocked.kernel(call)
      }
      call.note("copied columns and a matrix product: \(geometry.summary)")
      return try ColumnConvolution(geometry: geometry, epilogue: epilogue).kernel()
    }
    let winograd = WinogradConvolution(
      geometry: geometry, epilogue: epilogue, algorithm: call.convolution)
    if let winograd {
      call.note(winograd.summary)
      return try winograd.kernel(call)
    }
    guard let layout = DirectLayout(geometry.window, channels: geometry.channels) else {
      return nil
    }
    let cut = DirectCut(geometry, layout)
    if geometry.channels == 1 && geometry.maps < 3 {
      call.note("depthwise, windows read in place: \(geometry.summary)")
      return depthwise(layout, cut, call.threads)
    }
    let costs = ConvolutionCosts(geometry, layout)
    let format = PanelFormat(call, weights: 1)
    if format == .float32, costs.blocked < min(costs.inPlace, costs.packed),
      let blocked = BlockedConvolution(geometry: geometry, epilogue: epilogue)
    {
      call.note("products along channels: \(geometry.summary)")
      return try blocked.kernel(call)
    }
    guard costs.inPlace < costs.packed, format == .float32 || geometry.maps < 8 else {
      call.note("packed windows and a product of \(format): \(geometry.summary)")
      return try PanelConvolution(
        geometry: geometry, epilogue: epilogue, layout: layout, format: format
      ).kernel(call)
    }
    call.note("windows read in place: \(geometry.summary)")
    let weights = PackedWeights(
      groups: geometry.groups, maps: geometry.maps, depth: geometry.depth,
      block: Int(CK_DIRECT_MAPS))
    return try inPlace(layout, cut, weights, call)
  }

  /// The kernel that sums each window in the same order, whatever the size of the image.
  private func sizeInvariantKernel(_ call: Preparation) throws(OperatorError) -> Kernel? {
    if let depthwise = DepthwiseConvolution(geometry: geometry, epilogue: epilogue) {
      call.note(depthwise.summary)
      return depthwise.kernel(call)
    }
    guard let layout = DirectLayout(geometry.window, channels: geometry.channels) else {
      return nil
    }
    let format = PanelFormat(call, weights: 1)
    call.note("packed windows and a product of \(format): \(geometry.summary)")
    return try PanelConvolution(
      geometry: geometry, epilogue: epilogue, layout: layout, format: format
    ).kernel(call)
  }

  private func shape(_ layout: DirectLayout, _ offsets: UnsafePointer<Int>?) -> ck_direct {
    ck_direct(
      depth: geometry.depth, offsets: offsets, row: layout.row, width: geometry.window.x.output,
      outputs: geometry.window.outputCount)
  }

  // MARK: Few output channels per input channel, one at a time

  private func depthwise(_ layout: DirectLayout, _ cut: DirectCut, _ threads: Int) -> Kernel {
    let this = self
    let (geometry, window) = (geometry, geometry.window)
    let offsets = layout.offsets()
    let maps = geometry.groups * geometry.maps
    let tiles = Tiles(geometry.batch * maps, cost: .work(window.outputCount, window.kernelCount))
    let image = layout.isCopied ? Int.total(layout.plane, 64).vectors : 0
    let memory = Int.total(image, cut.tile)
    let tile: Buffers.Tile = { buffers, task, thread in
      let x = buffers.input(0, as: Float.self)
      let w = buffers.input(1, as: Float.self)
      let copy = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * memory
      offsets.withUnsafeBufferPointer { offsets in
        var shape = this.shape(layout, offsets.baseAddress)
        var copied = -1
        for result in tiles[task] {
          let channel = result / geometry.maps
          let source = x + channel * window.inputCount
          if layout.isCopied && copied != channel {
            layout.copy(source, copy)
            copied = channel
          }
          let map = result % maps
          cut.forEach { z, first, count in
            let place = result * window.outputCount + z * cut.outputs
            var epilogue = this.epilogue.c(buffers, offset: place, channel: map)
            ck_convolve_depthwise(
              &shape, w + map * geometry.depth,
              (layout.isCopied ? UnsafePointer(copy) : source) + layout.start(plane: z), first,
              count, copy + image, buffers.output(0) + place, &epilogue)
          }
        }
      }
    }
    return .compute(scratch: .work(threads, memory, MemoryLayout<Float>.stride)) { buffers in
      buffers.parallel(tiles.count, tile)
    }
  }

  // MARK: Few output channels, windows read in place

  private func inPlace(
    _ layout: DirectLayout, _ cut: DirectCut, _ weights: PackedWeights, _ call: Preparation
  ) throws(OperatorError) -> Kernel {
    let this = self
    let (geometry, window) = (geometry, geometry.window)
    let constant = try weights.pack(call, 1)
    let offsets = layout.offsets()
    let channels = geometry.groups * geometry.channels
    // Many images are copied one by one by the thread that uses them; few are copied up front.
    let isOneByOne = layout.isCopied && geometry.batch >= 8
    let image = layout.isCopied ? Int.work(channels, layout.plane) : 0
    let images = isOneByOne ? 0 : Int.total(.work(geometry.batch, image), 64).vectors
    let room = isOneByOne ? Int.total(image, 64).vectors : 0
    let own = Int.total(room, cut.tile)
    let packedCount = constant == nil ? weights.count.vectors : 0

    @Sendable func multiply(
      _ buffers: Buffers, _ n: Int, _ group: Int, _ z: Int, _ first: Int, _ count: Int,
      _ blocks: Range<Int>, _ shape: inout ck_direct, _ source: UnsafePointer<Float>,
      _ tile: UnsafeMutablePointer<Float>
    ) {
      let scratch = buffers.scratch.assumingMemoryBound(to: Float.self)
      let packed = constant?.floats ?? scratch
      let map = group * geometry.maps + blocks.lowerBound * Int(CK_DIRECT_MAPS)
      let place =
        (n * geometry.groups * geometry.maps + map) * window.outputCount + z * cut.outputs
      var epilogue = this.epilogue.c(buffers, offset: place, channel: map)
      let maps = min(blocks.count * Int(CK_DIRECT_MAPS), (group + 1) * geometry.maps - map)
      ck_convolve_places(
        &shape, packed + (group * weights.blocks + blocks.lowerBound) * weights.blockSize, maps,
        source + group * geometry.channels * layout.plane + layout.start(plane: z), first, count,
        tile, buffers.output(0) + place, &epilogue)
    }

    let copies = Tiles(geometry.batch * channels, cost: layout.plane)
    let copy: Buffers.Tile = { buffers, task, _ in
      let target = buffers.scratch.assumingMemoryBound(to: Float.self) + packedCount
      for channel in copies[task] {
        layout.copy(
          buffers.input(0) + channel * window.inputCount, target + channel * layout.plane)
      }
    }
    let parts = cut.parts(weights.blocks)
    let perImage = geometry.groups * window.z.output * cut.count * parts.count
    let tile: Buffers.Tile = { buffers, task, thread in
      let scratch = buffers.scratch.assumingMemoryBound(to: Float.self)
      let memory = scratch + packedCount + images + thread * own
      let x = buffers.input(0, as: Float.self)
      offsets.withUnsafeBufferPointer { offsets in
        var shape = this.shape(layout, offsets.baseAddress)
        if isOneByOne {
          for channel in 0..<channels {
            layout.copy(
              x + (task * channels + channel) * window.inputCount, memory + channel * layout.plane)
          }
          for group in 0..<geometry.groups {
            cut.forEach { z, first, count in
              multiply(
                buffers, task, group, z, first, count, 0..<weights.blocks, &shape,
                UnsafePointer(memory), memory + room)
            }
          }
          return
        }
        let n = task / perImage
        let part = task % parts.count
        let place = task % perImage / parts.count
        let (z, first, count) = cut[place % (window.z.output * cut.count)]
        let source = layout.isCopied ? UnsafePointer(scratch + packedCount) : x
        multiply(
          buffers, n, place / (window.z.output * cut.count), z, first, count, parts[part],
          &shape, source + n * channels * layout.plane, memory)
      }
    }
    let pack: Buffers.Tile = { buffers, block, _ in
      weights.pack(
        block: block, buffers.input(1), buffers.scratch.assumingMemoryBound(to: Float.self))
    }
    let tasks = isOneByOne ? geometry.batch : geometry.batch * perImage
    let scratch = Int.work(
      .total(packedCount, images, .work(call.threads, own)), MemoryLayout<Float>.stride)
    return .compute(scratch: scratch) { buffers in
      if constant == nil {
        buffers.parallel(geometry.groups * weights.blocks, pack)
      }
      if layout.isCopied && !isOneByOne { buffers.parallel(copies.count, copy) }
      buffers.parallel(tasks, tile)
    }
  }
}

/// The division of a direct convolution into runs of positions and parts of output channels.
struct DirectCut: Sendable {
  private let places: Int
  private let step: Int
  private let size: Int
  private let planes: Int
  private let tasks: Int
  /// The number of runs in a plane.
  let count: Int
  /// The number of results in a plane.
  let outputs: Int

  init(_ geometry: ConvolutionGeometry, _ layout: DirectLayout) {
    let window = geometry.window
    outputs = window.y.output * window.x.output
    places = layout.places
    planes = window.z.output
    if layout.row > window.x.output + window.x.output / 2, window.x.output >= 16 {
      // More than a third of the positions would be dropped, so each run is a row.
      (step, size, count) = (layout.row, window.x.output, window.y.output)
    } else {
      // The part of the image that a run reads should fit the second-level cache.
      let goal = min(max(49_152 / max(geometry.channels, 1), 128), 4096)
      let runs = (places + goal - 1) / goal
      step = ((places + runs - 1) / runs + 63) / 64 * 64
      size = step
      count = (places + step - 1) / step
    }
    tasks = .work(geometry.batch, geometry.groups, planes, count)
  }

  /// The number of floats in a tile.
  var tile: Int { Int.work(Int(CK_DIRECT_MAPS), size + Int(CK_DIRECT_SLACK)) }

  /// The plane, first position and number of positions of run `index` of an image.
  subscript(index: Int) -> (z: Int, first: Int, count: Int) {
    let first = index % count * step
    return (index / count, first, min(size, places - first))
  }

  func forEach(_ body: (_ z: Int, _ first: Int, _ count: Int) -> Void) {
    for index in 0..<planes * count {
      let (z, first, count) = self[index]
      body(z, first, count)
    }
  }

  /// The blocks of output channels, divided if there are few runs.
  func parts(_ blocks: Int) -> [Range<Int>] {
    let parts = min(blocks, tasks >= 8 ? 1 : (8 + tasks - 1) / tasks)
    let step = (blocks + parts - 1) / parts
    return stride(from: 0, to: blocks, by: step).map { $0..<Swift.min($0 + step, blocks) }
  }
}
