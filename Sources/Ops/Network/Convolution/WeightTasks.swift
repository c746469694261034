import ONNXFormat
import ONNXOperators

/// The division of a convolution's weight gradient into tasks: blocks of output channels times parts of
/// the images. Each part has sums of its own, which are added at the end.
struct WeightTasks: Sendable {
  /// A block of output channels, and the images to sum over.
  struct Part {
    let images: Range<Int>
    let group: Int
    /// The first of `count` output channels.
    let map: Int
    let count: Int
  }

  let gradient: WeightGradient
  /// Where the image's elements are, so that neighbouring windows are adjacent.
  let layout: DirectLayout
  private let parts: Int
  private let blocks: Int
  /// The number of output channels in a block.
  static let block = 64

  var geometry: ConvolutionGeometry { gradient.geometry }
  var window: Window { gradient.geometry.window }
  /// The number of images of the largest part.
  var images: Int { (geometry.batch + parts - 1) / parts }

  /// - Returns: `nil` for windows that are single elements or that `DirectLayout` does not support
  init?(_ gradient: WeightGradient) {
    let (geometry, window) = (gradient.geometry, gradient.geometry.window)
    guard !window.isPointwise, window.z.output == 1,
      let layout = DirectLayout(window, channels: geometry.channels)
    else { return nil }
    self.gradient = gradient
    self.layout = layout
    blocks = (geometry.maps + Self.block - 1) / Self.block
    let tasks = Int.work(geometry.groups, blocks)
    parts = tasks >= 8 ? 1 : min(geometry.batch, (8 + tasks - 1) / tasks)
  }

  /// The number of channels, of `images` images, whose copies stay in the second-level cache.
  func channels(images: Int) -> Int {
    max(min(geometry.channels, 65_536 / Int.work(images, layout.plane)), 1)
  }

  /// A kernel that computes the weights of each part, and the bias.
  ///
  /// - Parameters:
  ///   - own: floats of memory of each thread
  ///   - compute: sets the weights `[count, depth]` of a part, given the memory of its thread
  func kernel(
    threads: Int, own: Int,
    _ compute:
      @escaping @Sendable (
        Buffers, Part, _ memory: UnsafeMutablePointer<Float>, _ weights: UnsafeMutablePointer<Float>
      ) -> Void
  ) -> Kernel {
    let this = self
    let (geometry, parts, blocks) = (geometry, parts, blocks)
    let hasBias = gradient.hasBias
    let maps = geometry.groups * geometry.maps
    let weights = Int.work(maps, geometry.depth)
    let sum = Int.total(weights, maps).vectors
    let sums = parts > 1 ? Int.work(parts, sum) : 0
    let tile: Buffers.Tile = { buffers, task, thread in
      let scratch = buffers.scratch.assumingMemoryBound(to: Float.self)
      let (index, place) = task.quotientAndRemainder(dividingBy: geometry.groups * blocks)
      let (group, block) = place.quotientAndRemainder(dividingBy: blocks)
      let part = Part(
        images: index * geometry.batch / parts..<(index + 1) * geometry.batch / parts,
        group: group, map: group * geometry.maps + block * Self.block,
        count: min(Self.block, geometry.maps - block * Self.block))
      let result = parts > 1 ? scratch + index * sum : buffers.output(0, as: Float.self)
      compute(buffers, part, scratch + sums + thread * own, result + part.map * geometry.depth)
      guard hasBias else { return }
      let bias = parts > 1 ? result + weights : buffers.output(1, as: Float.self)
      this.gradient.setBias(buffers, part.images, map: part.map, part.count, bias + part.map)
    }
    let add = gradient.sum(parts: parts, weights: weights, maps: maps, stride: sum)
    let tasks = Int.work(parts, geometry.groups, blocks)
    let scratch = Int.work(.total(sums, .work(threads, own)), MemoryLayout<Float>.stride)
    return .compute(scratch: scratch) { buffers in
      buffers.parallel(tasks, tile)
      if parts > 1 { buffers.parallel(add.tasks, add.tile) }
    }
  }

  /// Calls `body` for pieces of at most `size` images of a part.
  func forEachPiece(_ part: Part, of size: Int, _ body: (Part) -> Void) {
    for first in stride(from: part.images.lowerBound, to: part.images.upperBound, by: size) {
      body(
        Part(
          images: first..<min(first + size, part.images.upperBound), group: part.group,
          map: part.map, count: part.count))
    }
  }

  /// The gradients of the first image and output channel of a part.
  func gradients(_ buffers: Buffers, _ part: Part) -> UnsafePointer<Float> {
    let maps = geometry.groups * geometry.maps
    return buffers.input(gradient.g, as: Float.self)
      + (part.images.lowerBound * maps + part.map) * window.outputCount
  }

  /// Copies the channels of the part's images into the layout, `[image, channel, plane]`.
  func copyImages(
    _ buffers: Buffers, _ part: Part, _ channels: Range<Int>, _ target: UnsafeMutablePointer<Float>
  ) {
    var y = target
    for image in part.images {
      let x =
        buffers.input(gradient.x, as: Float.self)
        + (image * geometry.groups + part.group) * geometry.channels * window.inputCount
      for channel in channels {
        let plane = x + channel * window.inputCount
        if layout.isCopied {
          layout.copy(plane, y)
        } else {
          y.update(from: plane, count: layout.plane)
        }
        y += layout.plane
      }
    }
  }
}
