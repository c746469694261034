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
  private let tasks: WeightTasks
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
  private static let lanes = Int(ck_correlation_lanes())
  /// The number of positions of a step over all its images.
  private static let places = 1024

  private var geometry: ConvolutionGeometry { tasks.geometry }
  private var window: Window { tasks.window }
  private var layout: DirectLayout { tasks.layout }

  /// - Returns: `nil` for shapes for which a matrix product is faster.
  init?(_ gradient: WeightGradient) {
    guard let tasks = WeightTasks(gradient) else { return nil }
    self.tasks = tasks
    let (window, layout) = (tasks.window, tasks.layout)
    isSpread = window.x.output % Self.lanes != 0
    // Multiples of the widest vector of any instruction set, so that bits do not depend on it.
    run = isSpread ? layout.places.vectors : window.outputCount
    // Too many vector lanes would be gaps between rows.
    guard window.outputCount >= 32, run <= 2 * window.outputCount else { return nil }
    let own = tasks.images
    let goes = max(min(Int.work(own, run) / Self.places, own), 1)
    images = (own + goes - 1) / goes
    channels = tasks.channels(images: images)
    let width = isSpread ? 16 : window.x.output
    let total = run / width
    let most = max(2 * Self.places / width, 1)
    steps = images > 1 ? 1 : (total + most - 1) / most
    rows = (total + steps - 1) / steps
  }

  func kernel(threads: Int) -> Kernel {
    let this = self
    let depth = geometry.depth
    // The vectors of the last windows extend past their rows.
    let image = Int.total(.work(images, channels, layout.plane), 64).vectors
    let spread = isSpread ? Int.work(images, WeightTasks.block, run) : 0
    let offsets = layout.offsets()
    return tasks.kernel(threads: threads, own: .total(image, spread)) {
      buffers, part, memory, weights in
      weights.update(repeating: 0, count: part.count * depth)
      this.tasks.forEachPiece(part, of: this.images) {
        this.add(buffers, $0, offsets, image: memory, spread: memory + image, weights)
      }
    }
  }

  /// Adds the contribution of the part's images to its weights.
  private func add(
    _ buffers: Buffers, _ part: WeightTasks.Part, _ offsets: [Int],
    image: UnsafeMutablePointer<Float>, spread: UnsafeMutablePointer<Float>,
    _ target: UnsafeMutablePointer<Float>
  ) {
    let (places, depth) = (window.outputCount, geometry.depth)
    let maps = geometry.groups * geometry.maps
    let (images, count) = (part.images.count, part.count)
    var g = tasks.gradients(buffers, part)
    var shape = ck_correlation(
      images: images, g_image: maps * places, x_image: 0, rows: 0, g_row: window.x.output,
      x_row: layout.row, width: window.x.output, g_map: places)
    if isSpread {
      for n in 0..<images {
        for index in 0..<count {
          spreadRows(g + (n * maps + index) * places, spread + (n * count + index) * run)
        }
      }
      g = UnsafePointer(spread)
      (shape.g_image, shape.g_map, shape.g_row, shape.x_row) = (count * run, run, 16, 16)
    }
    for first in stride(from: 0, to: geometry.channels, by: channels) {
      let channels = first..<min(first + self.channels, geometry.channels)
      shape.x_image = channels.count * layout.plane
      tasks.copyImages(buffers, part, channels, image)
      // The last vectors extend past the image.
      (image + images * shape.x_image).update(repeating: 0, count: 64)
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
