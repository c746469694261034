import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution with 3 × 3 kernels and stride 1 by Winograd's F(m × m, 3 × 3): image tiles and
/// kernels are transformed, multiplied as matrices over channels for each of the `(m + 2)²`
/// positions, and transformed back. All vectors run along channels.
struct WinogradConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue
  private let weights: WinogradWeights
  private let layout: WinogradLayout

  /// - Returns: `nil` if the convolution has another form, or another algorithm is faster.
  init?(geometry: ConvolutionGeometry, epilogue: Epilogue, algorithm: ConvolutionAlgorithm) {
    let window = geometry.window
    guard window.z.input == 1, window.z.kernel == 1, window.z.output == 1, window.z.padBegin == 0,
      [window.y, window.x].allSatisfy({ $0.kernel == 3 && $0.stride == 1 && $0.dilation == 1 })
    else { return nil }
    let size: Int
    switch algorithm {
    case .exact, .sizeInvariant: return nil
    case .winograd(let wanted):
      guard [2, 4, 6].contains(wanted) else { return nil }
      size = wanted
    case .automatic:
      guard let best = ConvolutionCosts(geometry).winogradSize else { return nil }
      size = best
    }
    self.geometry = geometry
    self.epilogue = epilogue
    weights = WinogradWeights(
      size: size, groups: geometry.groups, maps: geometry.maps, channels: geometry.channels)
    layout = WinogradLayout(window, size: size)
  }

  /// The algorithm's name in the literature.
  var summary: String { "Winograd F(\(layout.size)×\(layout.size), 3×3): \(geometry.summary)" }

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (this, geometry, layout, weights) = (self, geometry, layout, weights)
    let window = geometry.window
    let constant = try weights.pack(call, 1)
    let lanes = ck_block_lanes()
    let blocks = weights.padded / lanes
    let together = ck_block_places() * lanes
    let run = Int.work(blocks, together)
    let place = Int.work(layout.runs, run)
    let parts = Int.work(geometry.batch, geometry.groups, layout.count)
    // With few parts, tasks share transformed tiles, so that output channels can be divided too.
    let isShared = parts < 8
    let own = constant == nil ? weights.count.vectors : 0
    let tilesSize = Int.work(layout.positions, place).vectors
    let tileCount = isShared ? parts : call.threads
    let imageSize = Int.work(layout.places, weights.width).vectors
    let productSize = Int.work(layout.positions, layout.tiles, weights.width).vectors
    let threadSize = Int.total(imageSize, productSize)
    let scratch = Int.work(
      .total(own, .work(tileCount, tilesSize), .work(call.threads, threadSize)),
      MemoryLayout<Float>.stride)

    @Sendable func memory(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
      buffers.scratch.assumingMemoryBound(to: Float.self)
    }
    @Sendable func transform(
      _ buffers: Buffers, _ index: Int, _ range: Range<Int>, _ tiles: Int, _ thread: Int
    ) {
      let (image, cut) = index.quotientAndRemainder(dividingBy: layout.count)
      let target = memory(buffers) + own + tiles * tilesSize
      let blocked = memory(buffers) + own + tileCount * tilesSize + thread * threadSize
      for block in range {
        let first = block * lanes
        layout.block(
          cut, buffers.input(0) + (image * geometry.channels + first) * window.inputCount,
          channels: min(lanes, geometry.channels - first), blocked)
        var shape = layout.shape(cut)
        ck_winograd_input(&shape, blocked, target + block * together, place, run)
      }
    }
    @Sendable func multiply(
      _ buffers: Buffers, _ index: Int, _ panel: Int, _ tiles: Int, _ thread: Int
    ) {
      let (image, cut) = index.quotientAndRemainder(dividingBy: layout.count)
      let group = image % geometry.groups
      let maps = weights.maps(panel)
      let packed = constant.map { UnsafePointer($0.floats) } ?? UnsafePointer(memory(buffers))
      let w = packed + weights.start(group: group, panel: panel)
      let wPlace = weights.padded * ck_block_padded(maps.count)
      let source = UnsafePointer(memory(buffers) + own + tiles * tilesSize)
      let results = memory(buffers) + own + tileCount * tilesSize + thread * threadSize
      let products = results + imageSize
      var shape = layout.shape(cut)
      let count = shape.rows * shape.columns
      withUnsafePointer(to: 0) { offset in
        var sum = ck_block_sum(
          groups: blocks, group: together, last: weights.lastLanes, taps: 1, offsets: offset)
        for position in 0..<layout.positions {
          for index in 0..<ck_winograd_runs(&shape) {
            let first = ck_winograd_first(&shape, index)
            ck_block_product(
              &sum, source + position * place + index * run,
              ck_winograd_first(&shape, index + 1) - first, w + position * wPlace, maps.count,
              products + (position * count + first) * weights.width)
          }
        }
      }
      ck_winograd_output(&shape, products, maps.count, results)
      let map = image * geometry.maps + maps.lowerBound
      let outputs = window.outputCount
      layout.forEachRun(cut) { start, place, width, count in
        var epilogue = this.epilogue.c(
          buffers, offset: map * outputs + place, channel: group * geometry.maps + maps.lowerBound)
        ck_unblock(
          results + start * weights.width, shape.columns * layout.size, width, count, maps.count,
          buffers.output(0) + map * outputs + place, outputs, &epilogue)
      }
    }

    let packWeights: Buffers.Tile = { buffers, index, _ in
      weights.pack(panel: index, buffers.input(1), memory(buffers))
    }
    let convolve: Buffers.Tile = { buffers, part, thread in
      transform(buffers, part, 0..<blocks, thread, thread)
      for panel in 0..<weights.panels { multiply(buffers, part, panel, thread, thread) }
    }
    let blockTiles = Tiles(blocks, cost: .work(layout.places, lanes, 8))
    let transformShared: Buffers.Tile = { buffers, task, thread in
      let (part, index) = task.quotientAndRemainder(dividingBy: blockTiles.count)
      transform(buffers, part, blockTiles[index], part, thread)
    }
    let multiplyShared: Buffers.Tile = { buffers, task, thread in
      let (part, panel) = task.quotientAndRemainder(dividingBy: weights.panels)
      multiply(buffers, part, panel, part, thread)
    }
    return .compute(scratch: scratch) { buffers in
      if constant == nil { buffers.parallel(geometry.groups * weights.panels, packWeights) }
      if isShared {
        buffers.parallel(parts * blockTiles.count, transformShared)
        buffers.parallel(parts * weights.panels, multiplyShared)
      } else {
        buffers.parallel(parts, convolve)
      }
    }
  }
}
