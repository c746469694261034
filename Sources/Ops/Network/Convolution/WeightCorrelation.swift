import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The gradient of a convolution for its weights, without copying columns: the gradient of a weight
/// is the sum over images and windows of the result's gradient times the image at a fixed offset.
/// `DirectLayout` makes neighbouring windows adjacent. If rows of windows are not whole vectors,
/// the gradients are copied to the same layout, with zeros between the rows. For few output channels:
/// with more, `ChannelSums` is faster.
struct WeightCorrelation: Sendable {
  private let gradient: WeightGradient
  private let layout: DirectLayout
  /// Whether the gradients of the result are copied.
  private let isSpread: Bool
  /// The number of floats of an output channel's gradients for one image.
  private let run: Int
  /// The images, channels, and rows of windows (or of 16 positions if gradients are copied) of a
  /// step.
  private let images: Int
  private let channels: Int
  private let rows: Int
  private let steps: Int
  /// The tasks: parts of the images, each with its own sums, times blocks of output channels.
  private let parts: Int
  private let blocks: Int
  private static let lanes = Int(ck_correlation_lanes())
  /// The number of output channels in a block.
  private static let block = 64
  /// The number of positions of a step over all its images.
  private static let places = 1024

  private var geometry: ConvolutionGeometry { gradient.geometry }
  private var window: Window { gradient.geometry.window }

  /// - Returns: `nil` for shapes for which a matrix product is faster.
  init?(_ gradient: WeightGradient) {
    self.gradient = gradient
    let (geometry, window) = (gradient.geometry, gradient.geometry.window)
    guard !window.isPointwise, window.z.output == 1,
      let layout = DirectLayout(window, channels: geometry.channels)
    else { return nil }
    self.layout = layout
    isSpread = window.x.output % Self.lanes != 0
    // Multiples of the widest vector of any instruction set, so that bits do not depend on it.
    run = isSpread ? layout.places.vectors : window.outputCount
    // Too many vector lanes would be gaps between rows.
    guard window.outputCount >= 32, run <= 2 * window.outputCount else { return nil }
    blocks = (geometry.maps + Self.block - 1) / Self.block
    let tasks = Int.work(geometry.groups, blocks)
    parts = tasks >= 8 ? 1 : min(geometry.batch, (8 + tasks - 1) / tasks)
    let own = (geometry.batch + parts - 1) / parts
    let goes = max(min(Int.work(own, run) / Self.places, own), 1)
    images = (own + goes - 1) / goes
    channels = max(min(geometry.channels, 65_536 / Int.work(images, layout.plane)), 1)
    let width = isSpread ? 16 : window.x.output
    let total = run / width
    let most = max(2 * Self.places / width, 1)
    steps = images > 1 ? 1 : (total + most - 1) / most
    rows = (total + steps - 1) / steps
  }

  func kernel(threads: Int) throws(OperatorError) -> Kernel {
    let this = self
    let geometry = geometry
    let hasBias = gradient.hasBias
    let maps = geometry.groups * geometry.maps
    let weights = Int.work(maps, geometry.depth)
    let sum = Int.total(weights, maps).vectors
    let sums = parts > 1 ? Int.work(parts, sum) : 0
    // The vectors of the last windows extend past their rows.
    let image = Int.total(.work(images, channels, layout.plane), 64).vectors
    let spread = isSpread ? Int.work(images, Self.block, run) : 0
    let own = Int.total(image, spread)
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
      let target = result + map * geometry.depth
      target.update(repeating: 0, count: count * geometry.depth)
      let range =
        part * geometry.batch / this.parts..<(part + 1) * geometry.batch / this.parts
      for first in stride(from: range.lowerBound, to: range.upperBound, by: this.images) {
        let images = first..<min(first + this.images, range.upperBound)
        this.add(
          buffers, images, group: place / this.blocks, map: map, count, offsets, image: memory,
          spread: memory + image, target)
      }
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

  /// Adds the contribution of some images to the weights of `count` output channels from `map` on.
  private func add(
    _ buffers: Buffers, _ range: Range<Int>, group: Int, map: Int, _ count: Int, _ offsets: [Int],
    image: UnsafeMutablePointer<Float>, spread: UnsafeMutablePointer<Float>,
    _ target: UnsafeMutablePointer<Float>
  ) {
    let (places, depth) = (window.outputCount, geometry.depth)
    let maps = geometry.groups * geometry.maps
    var g = buffers.input(gradient.g, as: Float.self) + (range.lowerBound * maps + map) * places
    var shape = ck_correlation(
      images: range.count, g_image: maps * places, x_image: 0, rows: 0, g_row: window.x.output,
      x_row: layout.row, width: window.x.output, g_map: places)
    if isSpread {
      for n in 0..<range.count {
        for index in 0..<count {
          spreadRows(g + (n * maps + index) * places, spread + (n * count + index) * run)
        }
      }
      g = UnsafePointer(spread)
      (shape.g_image, shape.g_map, shape.g_row, shape.x_row) = (count * run, run, 16, 16)
    }
    let next = geometry.groups * geometry.channels * window.inputCount
    let source =
      buffers.input(gradient.x, as: Float.self) + range.lowerBound * next
      + group * geometry.channels * window.inputCount
    for first in stride(from: 0, to: geometry.channels, by: channels) {
      let channels = first..<min(first + self.channels, geometry.channels)
      shape.x_image = channels.count * layout.plane
      for n in 0..<range.count {
        for channel in channels {
          let x = source + n * next + channel * window.inputCount
          let y = image + n * shape.x_image + (channel - first) * layout.plane
          if layout.isCopied {
            layout.copy(x, y)
          } else {
            y.update(from: x, count: layout.plane)
          }
        }
      }
      // The last vectors extend past the image.
      (image + range.count * shape.x_image).update(repeating: 0, count: 64)
      for step in 0..<steps {
        let row = step * rows
        if isSpread {
          (shape.rows, shape.width) = (1, min(rows * 16, run - row * 16))
        } else {
          shape.rows = min(rows, window.y.output - row)
        }
        offsets.withUnsafeBufferPointer { offsets in
          guard let base = offsets.baseAddress else { return }
          ck_correlate(
            &shape, g + row * shape.g_row, count, image + row * shape.x_row, base,
            channels.count * window.kernelCount, target + first * window.kernelCount, depth)
        }
      }
    }
  }

  /// Copies rows of gradients to the layout of their windows.
  private func spreadRows(_ g: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    let (width, row) = (window.x.output, layout.row)
    for index in 0..<window.y.output {
      let gap = index + 1 < window.y.output ? row - width : run - layout.places
      (y + index * row).update(from: g + index * width, count: width)
      (y + index * row + width).update(repeating: 0, count: gap)
    }
  }
}
