import CKernels
import ONNXOperators

/// The division of an image into parts, each of some whole rows of Winograd tiles, or of a part of
/// one row.
struct WinogradLayout: Sendable {
  /// The number of results of a tile along each axis.
  let size: Int
  private let window: Window
  /// The number of tiles in an image along each axis.
  private let high: Int
  private let wide: Int
  /// The number of tiles in a part along each axis; the last one may have fewer.
  private let rows: Int
  private let columns: Int
  /// The number of parts in a row of parts.
  private let across: Int
  /// The number of parts of an image.
  let count: Int
  /// The column of each place of a row: the identity.
  private let identity: [Int]

  /// The number of tiles that reuse the weights while their products stay in the second-level cache.
  private static let goal = 56

  init(_ window: Window, size: Int) {
    self.window = window
    self.size = size
    high = (window.y.output + size - 1) / size
    wide = (window.x.output + size - 1) / size
    across = wide > 2 * Self.goal ? (wide + Self.goal - 1) / Self.goal : 1
    columns = (wide + across - 1) / across
    let most = across > 1 ? 1 : max(1, Self.goal / max(columns, 1))
    let cuts = max(1, (high + most - 1) / most)
    rows = (high + cuts - 1) / cuts
    count = .work(across, (high + max(rows, 1) - 1) / max(rows, 1))
    identity = Array(0..<columns * size + 2)
  }

  /// The number of positions of a transformed tile.
  var positions: Int { (size + 2) * (size + 2) }
  /// The largest number of tiles in a part.
  var tiles: Int { rows * columns }
  /// The largest number of runs of tiles in a part.
  var runs: Int { (tiles + ck_block_places() - 1) / ck_block_places() }
  /// The largest number of image elements of a channel in a part.
  var places: Int { (rows * size + 2) * (columns * size + 2) }

  /// The tiles of a part.
  private func part(_ index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let (row, column) = index.quotientAndRemainder(dividingBy: across)
    return (
      row * rows..<min((row + 1) * rows, high),
      min(column * columns, wide)..<min((column + 1) * columns, wide)
    )
  }

  func shape(_ index: Int) -> ck_winograd {
    let part = part(index)
    return ck_winograd(size: size, rows: part.rows.count, columns: part.columns.count)
  }

  /// Blocks the image elements of a part, up to a vector of channels.
  func block(
    _ index: Int, _ image: UnsafePointer<Float>, channels: Int,
    _ target: UnsafeMutablePointer<Float>
  ) {
    let part = part(index)
    let (y, x) = (window.y, window.x)
    func clip(_ tiles: Range<Int>, _ axis: WindowAxis) -> (
      first: Int, before: Int, end: Int, all: Int
    ) {
      let first = tiles.lowerBound * size - axis.padBegin
      let all = tiles.count * size + 2
      let before = min(max(-first, 0), all)
      return (first, before, max(before, min(axis.input - first, all)), all)
    }
    let (rows, columns) = (clip(part.rows, y), clip(part.columns, x))
    identity.withUnsafeBufferPointer { identity in
      var part = ck_block_part(
        plane: y.input * x.input, step: x.input, before: columns.before,
        taken: columns.end - columns.before, after: columns.all - columns.end, above: rows.before,
        rows: rows.end - rows.before, below: rows.all - rows.end, row: columns.all,
        columns: identity.baseAddress)
      let isEmpty = part.rows == 0 || part.taken == 0
      let start = (rows.first + rows.before) * x.input + columns.first + columns.before
      ck_block_image(&part, image + (isEmpty ? 0 : start), channels, target)
    }
  }

  /// Calls `body` with runs of results of a part that are adjacent in a plane: the place of the first
  /// in the part, its place in the plane, the results in a row, and their number.
  func forEachRun(
    _ index: Int, _ body: (_ start: Int, _ place: Int, _ width: Int, _ count: Int) -> Void
  ) {
    let part = part(index)
    let first = (y: part.rows.lowerBound * size, x: part.columns.lowerBound * size)
    let height = min(part.rows.count * size, window.y.output - first.y)
    let width = min(part.columns.count * size, window.x.output - first.x)
    guard width < window.x.output else {
      return body(0, first.y * width, width, height * width)
    }
    for row in 0..<height {
      body(
        row * part.columns.count * size, (first.y + row) * window.x.output + first.x, width, width)
    }
  }
}
