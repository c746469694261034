import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution of float32 tensors by products whose vectors run along channels. The image is
/// blocked by channels part by part, so that no window is copied and no small image is padded.
struct BlockedConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue
  private let layout: BlockedLayout
  private let weights: BlockedWeights

  /// - Returns: `nil` for shapes that the layout does not cover
  init?(geometry: ConvolutionGeometry, epilogue: Epilogue) {
    guard let layout = BlockedLayout(geometry.window, channels: geometry.channels) else {
      return nil
    }
    self.geometry = geometry
    self.epilogue = epilogue
    self.layout = layout
    weights = BlockedWeights(
      groups: geometry.groups, maps: geometry.maps, channels: geometry.channels,
      taps: geometry.window.kernelCount)
  }

  /// The number of multiplications that do not justify a second thread.
  private static let smallWork = 1 << 18

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let (this, geometry, layout, weights) = (self, geometry, layout, weights)
    let constant = try weights.pack(call, 1)
    let lanes = weights.lanes
    let blockSize = Int.work(layout.places, lanes)
    let partSize = Int.work(weights.blocks, blockSize).vectors
    let tileSize = Int.work(layout.height, layout.width, weights.width).vectors
    let parts = Int.work(geometry.batch, geometry.groups, layout.count)
    // With few parts, tasks share blocked parts, so that output channels can be divided too.
    let isShared = parts < 8
    let partCost = Int.work(layout.height, layout.width, weights.depth, geometry.maps)
    let divides = isShared && Int.work(parts, partCost) > Self.smallWork
    let own = constant == nil ? weights.count.vectors : 0
    let partCount = divides ? parts : call.threads
    let scratch = Int.work(
      .total(own, .work(partCount, partSize), .work(call.threads, tileSize), 64),
      MemoryLayout<Float>.stride)
    let offsets = layout.offsets(lanes: lanes)

    @Sendable func memory(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
      buffers.scratch.assumingMemoryBound(to: Float.self)
    }
    @Sendable func block(_ buffers: Buffers, _ part: Int, _ blocks: Range<Int>, _ index: Int) {
      let (image, cut) = part.quotientAndRemainder(dividingBy: layout.count)
      let plane = geometry.window.inputCount
      for block in blocks {
        let first = block * lanes
        layout.block(
          cut, buffers.input(0) + (image * geometry.channels + first) * plane,
          channels: min(lanes, geometry.channels - first),
          memory(buffers) + own + index * partSize + block * blockSize)
      }
    }
    @Sendable func multiply(
      _ buffers: Buffers, _ part: Int, _ panels: Range<Int>, _ index: Int, _ thread: Int
    ) {
      let (image, cut) = part.quotientAndRemainder(dividingBy: layout.count)
      let group = image % geometry.groups
      let (rows, columns) = layout.part(cut)
      let source = UnsafePointer(memory(buffers) + own + index * partSize)
      let tile = memory(buffers) + own + partCount * partSize + thread * tileSize
      let packed = constant.map { UnsafePointer($0.floats) } ?? UnsafePointer(memory(buffers))
      let outputs = geometry.window.outputCount
      let runs = (columns.count + ck_block_places() - 1) / ck_block_places()
      offsets.withUnsafeBufferPointer { offsets in
        var sum = ck_block_sum(
          groups: weights.blocks, group: blockSize, last: weights.lastLanes, taps: offsets.count,
          offsets: offsets.baseAddress)
        for panel in panels {
          let maps = weights.maps(panel)
          let w = packed + weights.start(group: group, panel: panel)
          for row in 0..<rows.count {
            for run in 0..<runs {
              let first = columns.count * run / runs
              ck_block_product(
                &sum, source + (row * layout.rowStep * layout.row + first) * lanes,
                columns.count * (run + 1) / runs - first, w, maps.count,
                tile + (row * columns.count + first) * weights.width)
            }
          }
          let map = image * geometry.maps + maps.lowerBound
          let place = map * outputs + rows.lowerBound * layout.x.output + columns.lowerBound
          var epilogue = this.epilogue.c(
            buffers, offset: place, channel: group * geometry.maps + maps.lowerBound)
          let count = rows.count * columns.count
          ck_unblock(
            tile, count, count, count, maps.count, buffers.output(0) + place, outputs, &epilogue)
        }
      }
    }

    let packWeights: Buffers.Tile = { buffers, panel, _ in
      weights.pack(panel: panel, buffers.input(1), memory(buffers))
    }
    let whole = Tiles(parts, cost: partCost / 16)
    let convolve: Buffers.Tile = { buffers, task, thread in
      for part in whole[task] {
        block(buffers, part, 0..<weights.blocks, thread)
        multiply(buffers, part, 0..<weights.panels, thread, thread)
      }
    }
    let perTask = max(1, min(weights.blocks, 16_384 / max(1, blockSize)))
    let blockTasks = (weights.blocks + perTask - 1) / perTask
    let blockShared: Buffers.Tile = { buffers, task, _ in
      let (part, index) = task.quotientAndRemainder(dividingBy: blockTasks)
      block(
        buffers, part, index * perTask..<min((index + 1) * perTask, weights.blocks), part)
    }
    let step = max(1, weights.panels * parts / 8)
    let cuts = (weights.panels + step - 1) / step
    let multiplyShared: Buffers.Tile = { buffers, task, thread in
      let (part, index) = task.quotientAndRemainder(dividingBy: cuts)
      multiply(
        buffers, part, index * step..<min((index + 1) * step, weights.panels), part, thread)
    }
    return .compute(scratch: scratch) { buffers in
      if constant == nil { buffers.parallel(geometry.groups * weights.panels, packWeights) }
      if divides {
        buffers.parallel(parts * blockTasks, blockShared)
        buffers.parallel(parts * cuts, multiplyShared)
      } else {
        buffers.parallel(whole.count, convolve)
      }
    }
  }
}
