import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The gradient of a convolution for its weights as sums of outer products: an element of the image,
/// read in place, times the gradients of all output channels of its window. `DirectLayout` makes
/// neighbouring windows adjacent.
struct ChannelSums: Sendable {
  private let gradient: WeightGradient
  private let layout: DirectLayout
  /// The images, channels, and rows of windows of a step.
  private let images: Int
  private let channels: Int
  private let rows: Int
  private let steps: Int
  /// The tasks: parts of the images, each with its own sums, times blocks of output channels.
  private let parts: Int
  private let blocks: Int
  /// The number of output channels in a block.
  private static let block = 64
  /// The number of windows of a step: their gradients for two vectors of output channels stay in
  /// the first-level cache.
  private static let places = 256
  /// With fewer output channels, vectors of windows are faster (`WeightCorrelation`).
  private static let fewest = 6

  private var geometry: ConvolutionGeometry { gradient.geometry }
  private var window: Window { gradient.geometry.window }

  /// - Returns: `nil` for shapes for which another algorithm is faster.
  init?(_ gradient: WeightGradient) {
    self.gradient = gradient
    let (geometry, window) = (gradient.geometry, gradient.geometry.window)
    guard !window.isPointwise, window.z.output == 1, geometry.maps >= Self.fewest,
      let layout = DirectLayout(window, channels: geometry.channels)
    else { return nil }
    self.layout = layout
    blocks = (geometry.maps + Self.block - 1) / Self.block
    let tasks = Int.work(geometry.groups, blocks)
    parts = tasks >= 8 ? 1 : min(geometry.batch, (8 + tasks - 1) / tasks)
    let own = (geometry.batch + parts - 1) / parts
    images = max(min(Self.places / max(window.outputCount, 1), own), 1)
    channels = max(min(geometry.channels, 65_536 / Int.work(images, layout.plane)), 1)
    let most = max(Self.places / max(window.x.output, 1), 1)
    steps = images > 1 ? 1 : (window.y.output + most - 1) / most
    rows = (window.y.output + steps - 1) / steps
  }

  func kernel(threads: Int) throws(OperatorError) -> Kernel {
    let this = self
    let (geometry, window) = (geometry, window)
    let hasBias = gradient.hasBias
    let maps = geometry.groups * geometry.maps
    let weights = Int.work(maps, geometry.depth)
    let sum = Int.total(weights, maps).vectors
    let sums = parts > 1 ? Int.work(parts, sum) : 0
    let image = Int.work(images, channels, layout.plane).vectors
    let packed = Int.work(images, window.outputCount, Self.block)
    let transposed = Int.work(geometry.depth, Self.block)
    let own = Int.total(image, packed, transposed)
    let offsets = layout.offsets()

    let tile: Buffers.Tile = { buffers, task, thread in
      let scratch = buffers.scratch.assumingMemoryBound(to: Float.self)
      let memory = scratch + sums + thread * own
      let part = task / (geometry.groups * this.blocks)
      let place = task % (geometry.groups * this.blocks)
      let map =
        place / this.blocks * geometry.maps + place % this.blocks * Self.block
      let count = min(Self.block, geometry.maps - place % this.blocks * Self.block)
      let result = this.parts > 1 ? scratch + part * sum : buffers.output(0, as: Float.self)
      let target = memory + image + packed
      target.update(repeating: 0, count: transposed)
      let range =
        part * geometry.batch / this.parts..<(part + 1) * geometry.batch / this.parts
      for first in stride(from: range.lowerBound, to: range.upperBound, by: this.images) {
        let images = first..<min(first + this.images, range.upperBound)
        this.add(
          buffers, images, group: place / this.blocks, map: map, count, offsets, image: memory,
          packed: memory + image, target)
      }
      ck_transpose(
        target, Self.block, result + map * geometry.depth, geometry.depth, count, geometry.depth,
        MemoryLayout<Float>.stride)
      guard hasBias else { return }
      let bias =
        (this.parts > 1 ? result + weights : buffers.output(1, as: Float.self)) + map
      this.gradient.setBias(buffers, range, map: map, count, bias)
    }
    let add = gradient.sum(parts: parts, weights: weights, maps: maps, stride: sum)
    let tasks = Int.work(parts, geometry.groups, blocks)
    let scratch = Int.work(
      .total(sums, .work(threads, own)), MemoryLayout<Float>.stride)
    return .compute(scratch: scratch) { buffers in
      buffers.parallel(tasks, tile)
      if this.parts > 1 { buffers.parallel(add.tasks, add.tile) }
    }
  }

  /// Adds the contribution of some images to the weights of `count` output channels from `map` on,
  /// `[depth, block]`.
  private func add(
    _ buffers: Buffers, _ range: Range<Int>, group: Int, map: Int, _ count: Int, _ offsets: [Int],
    image: UnsafeMutablePointer<Float>, packed: UnsafeMutablePointer<Float>,
    _ target: UnsafeMutablePointer<Float>
  ) {
    let (places, width) = (window.outputCount, window.x.output)
    let maps = geometry.groups * geometry.maps
    let g = buffers.input(gradient.g, as: Float.self) + (range.lowerBound * maps + map) * places
    for step in 0..<steps {
      let own = windows(of: step)
      for n in 0..<range.count {
        ck_outer_pack_f32(
          g + n * maps * places + step * rows * width, places, 1, count, n * own, own,
          range.count * own, packed + step * rows * width * Self.block)
      }
    }
    let next = geometry.groups * geometry.channels * window.inputCount
    let source =
      buffers.input(gradient.x, as: Float.self) + range.lowerBound * next
      + group * geometry.channels * window.inputCount
    for first in stride(from: 0, to: geometry.channels, by: channels) {
      let channels = first..<min(first + self.channels, geometry.channels)
      let stride = channels.count * layout.plane
      for n in 0..<range.count {
        for channel in channels {
          let x = source + n * next + channel * window.inputCount
          let y = image + n * stride + (channel - first) * layout.plane
          if layout.isCopied {
            layout.copy(x, y)
          } else {
            y.update(from: x, count: layout.plane)
          }
        }
      }
      for step in 0..<steps {
        var shape = ck_places(
          images: range.count, x_image: stride, rows: windows(of: step) / width,
          x_row: layout.row, columns: width, x_column: 1)
        offsets.withUnsafeBufferPointer { offsets in
          guard let base = offsets.baseAddress else { return }
          ck_outer_f32(
            &shape, packed + step * rows * width * Self.block, count,
            image + step * rows * layout.row, base, channels.count * window.kernelCount,
            target + first * window.kernelCount * Self.block, Self.block)
        }
      }
    }
  }

  /// The windows of an image in a step.
  private func windows(of step: Int) -> Int {
    min(rows, window.y.output - step * rows) * window.x.output
  }
}
