import CKernels
import ONNXOperators

/// The layout of image parts for products along channels: the windows of some rows, or of a part of
/// the only row, read adjacent places.
struct BlockedLayout: Sendable {
  let y: WindowAxis
  let x: WindowAxis
  /// The number of rows, and of windows in a row, of a part; the last part may have fewer.
  let height: Int
  let width: Int
  /// The number of parts of an image.
  let count: Int
  /// The number of places in a row of a part.
  let row: Int
  /// The number of rows of a part.
  let rows: Int
  /// The place in its row of each column that a part's windows span, beginning with padding.
  private let columns: [Int]
  /// The place of each element of the kernel relative to its window's.
  private let taps: [Int]

  /// - Returns: `nil` for three axes, or if a part would be far larger than its windows
  init?(_ window: Window, channels: Int) {
    let z = window.z
    guard z.input == 1, z.kernel == 1, z.output == 1, z.padBegin == 0 else { return nil }
    let (y, x): (WindowAxis, WindowAxis)
    if window.isPointwise {
      let places = window.outputCount
      (y, x) = (WindowAxis(), WindowAxis(input: places, output: places))
    } else if [window.x.input, window.x.kernel, window.x.output] == [1, 1, 1],
      window.x.padBegin == 0
    {
      (y, x) = (WindowAxis(), window.y)
    } else {
      (y, x) = (window.y, window.x)
    }
    self.y = y
    self.x = x
    let isLine = [y.input, y.output, y.kernel] == [1, 1, 1] && y.padBegin == 0
    // Places that stay in the second-level cache and reuse the weights.
    let goal = min(max(65_536 / max(channels, 1), 56), 512)
    let (rows, line) = isLine ? (1, goal) : (max(1, goal / max(x.output, 1)), x.output)
    let size = isLine ? x.output : y.output
    let cuts = max(1, (size + (isLine ? line : rows) - 1) / (isLine ? line : rows))
    let cut = max(1, (size + cuts - 1) / cuts)
    (height, width) = isLine ? (1, cut) : (cut, x.output)
    count = (size + cut - 1) / cut
    self.rows = y.kernel == 1 ? height : (height - 1) * y.stride + y.extent

    guard y.kernel <= 64, x.kernel <= 64, x.stride <= 16, x.extent <= 4096, y.extent <= 4096
    else { return nil }
    let phases = Set((0..<x.kernel).map { $0 * x.dilation % x.stride }).sorted()
    let phase = width + (x.extent - 1) / x.stride
    let reach = (width - 1) * x.stride + x.extent
    let spanned = isLine ? reach : max(reach, x.padBegin + x.input)
    guard width > 0, spanned <= min(2 * reach + 64, 1 << 16) else { return nil }
    let unused = phases.count * phase
    columns = (0..<spanned).map { column in
      guard column < reach, let index = phases.firstIndex(of: column % x.stride) else {
        return unused
      }
      return index * phase + column / x.stride
    }
    row = unused + (columns.contains(unused) ? 1 : 0)
    let row = row
    taps = (0..<y.kernel).flatMap { ky in
      (0..<x.kernel).map { kx in
        let shift = kx * x.dilation
        let index = phases.firstIndex(of: shift % x.stride) ?? 0
        return ky * y.dilation * row + index * phase + shift / x.stride
      }
    }
  }

  /// The number of places in a part.
  var places: Int { .work(rows, row) }
  /// The rows of a part from one row of windows to the next.
  var rowStep: Int { y.kernel == 1 ? 1 : y.stride }

  /// The offsets, in floats, of the kernel's elements from a window's place.
  func offsets(lanes: Int) -> [Int] { taps.map { $0 * lanes } }

  /// The rows and columns of windows of a part.
  func part(_ index: Int) -> (y: Range<Int>, x: Range<Int>) {
    guard count > 1, height == 1, y.output == 1 else {
      return (index * height..<min((index + 1) * height, y.output), 0..<x.output)
    }
    return (0..<1, index * width..<min((index + 1) * width, x.output))
  }

  /// Blocks part `index` of up to a vector of channels.
  func block(
    _ index: Int, _ image: UnsafePointer<Float>, channels: Int,
    _ target: UnsafeMutablePointer<Float>
  ) {
    let (windowRows, windows) = part(index)
    let step = y.kernel == 1 ? y.stride : 1
    let first = windowRows.lowerBound * y.stride - y.padBegin
    let rows = y.kernel == 1 ? windowRows.count : (windowRows.count - 1) * y.stride + y.extent
    let above = first < 0 ? min((-first + step - 1) / step, rows) : 0
    let room = y.input - first
    let end = max(above, min(rows, room > 0 ? (room + step - 1) / step : 0))
    let left = windows.lowerBound * x.stride - x.padBegin
    let span = windows.count == width ? columns.count : (windows.count - 1) * x.stride + x.extent
    let before = min(max(-left, 0), span)
    let taken = max(0, min(x.input - max(left, 0), span - before))
    let plane = y.input * x.input
    columns.withUnsafeBufferPointer { columns in
      var part = ck_block_part(
        plane: plane, step: step * x.input, before: before, taken: taken,
        after: span - before - taken, above: above, rows: end - above, below: rows - end, row: row,
        columns: columns.baseAddress)
      let start = end > above && taken > 0 ? (first + above * step) * x.input + max(left, 0) : 0
      ck_block_image(&part, image + start, channels, target)
    }
  }
}
