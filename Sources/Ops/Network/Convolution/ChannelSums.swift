import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The gradient of a convolution for its weights as sums of outer products: an element of the image,
/// read in place, times the gradients of all output channels of its window.
struct ChannelSums: Sendable {
  private let tasks: WeightTasks
  /// The images, channels, and rows of windows of a step.
  private let images: Int
  private let channels: Int
  private let rows: Int
  private let steps: Int
  /// The number of windows of a step: their gradients for two vectors of output channels stay in
  /// the first-level cache.
  private static let places = 256
  /// With fewer output channels, vectors of windows are faster (`WeightCorrelation`).
  private static let fewest = 6

  private var geometry: ConvolutionGeometry { tasks.geometry }
  private var window: Window { tasks.window }
  private static var block: Int { WeightTasks.block }

  /// - Returns: `nil` for shapes for which another algorithm is faster.
  init?(_ gradient: WeightGradient) {
    guard gradient.geometry.maps >= Self.fewest, let tasks = WeightTasks(gradient) else {
      return nil
    }
    self.tasks = tasks
    let window = tasks.window
    images = max(min(Self.places / max(window.outputCount, 1), tasks.images), 1)
    channels = tasks.channels(images: images)
    let most = max(Self.places / max(window.x.output, 1), 1)
    steps = images > 1 ? 1 : (window.y.output + most - 1) / most
    rows = (window.y.output + steps - 1) / steps
  }

  func kernel(threads: Int) -> Kernel {
    let this = self
    let depth = geometry.depth
    let image = Int.work(images, channels, tasks.layout.plane).vectors
    let packed = Int.work(images, window.outputCount, Self.block)
    let transposed = Int.work(depth, Self.block)
    let offsets = tasks.layout.offsets()
    return tasks.kernel(threads: threads, own: .total(image, packed, transposed)) {
      buffers, part, memory, weights in
      let target = memory + image + packed
      target.update(repeating: 0, count: transposed)
      this.tasks.forEachPiece(part, of: this.images) {
        this.add(buffers, $0, offsets, image: memory, packed: memory + image, target)
      }
      ck_transpose(
        target, Self.block, weights, depth, part.count, depth, MemoryLayout<Float>.stride)
    }
  }

  /// Adds the contribution of the part's images to its weights `[depth, block]`.
  private func add(
    _ buffers: Buffers, _ part: WeightTasks.Part, _ offsets: [Int],
    image: UnsafeMutablePointer<Float>, packed: UnsafeMutablePointer<Float>,
    _ target: UnsafeMutablePointer<Float>
  ) {
    let (places, width) = (window.outputCount, window.x.output)
    let (count, layout) = (part.images.count, tasks.layout)
    let maps = geometry.groups * geometry.maps
    let g = tasks.gradients(buffers, part)
    for step in 0..<steps {
      let own = windows(of: step)
      for n in 0..<count {
        ck_outer_pack_f32(
          g + n * maps * places + step * rows * width, places, 1, part.count, n * own, own,
          count * own, packed + step * rows * width * Self.block)
      }
    }
    for first in stride(from: 0, to: geometry.channels, by: channels) {
      let channels = first..<min(first + self.channels, geometry.channels)
      tasks.copyImages(buffers, part, channels, image)
      for step in 0..<steps {
        var shape = ck_places(
          images: count, x_image: channels.count * layout.plane, rows: windows(of: step) / width,
          x_row: layout.row, columns: width, x_column: 1)
        offsets.withUnsafeBufferPointer { offsets in
          guard let base = offsets.baseAddress else { return }
          ck_outer_f32(
            &shape, packed + step * rows * width * Self.block, part.count,
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
