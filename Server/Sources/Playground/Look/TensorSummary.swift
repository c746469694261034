import ONNX

/// Statistics of a tensor, and a small picture of it.
struct TensorSummary: Encodable {
  let type: String
  let count: Int
  var min: Float?
  var max: Float?
  var mean: Double?
  var deviation: Double?
  /// The number of zeros, and of elements that are NaN or infinite.
  var zeros = 0
  var unusual = 0
  /// How many elements each part of the range from `min` to `max` has.
  var histogram: [Int]?
  var tiles: Values?
  /// How many tiles the tensor has, of which `tiles` are the first.
  var tileCount: Int?
  /// The first elements.
  var first: [Float]?

  /// - Parameters:
  ///   - bins: the number of parts of the histogram
  ///   - tiles: the most tiles of the picture
  ///   - side: the most rows and columns of a tile
  ///   - first: how many elements to state
  ///   - limit: the most elements to look at; a larger tensor has its type only
  init(
    _ tensor: Tensor, bins: Int = 24, tiles: Int, side: Int, first: Int = 0, limit: Int = 1 << 26
  ) {
    type = tensor.type.description.shortened()
    count = tensor.count
    guard tensor.count <= limit, let numbers = try? tensor.floats, !numbers.isEmpty else { return }
    summarize(numbers, bins: bins)
    let picture = TensorTiles(numbers, shape: tensor.shape, most: tiles, side: side)
    self.tiles = picture.values
    tileCount = picture.count
    if first > 0 { self.first = Array(numbers.prefix(first)) }
  }

  private mutating func summarize(_ numbers: [Float], bins: Int) {
    var (low, high) = (Float.infinity, -Float.infinity)
    var (sum, squares) = (0.0, 0.0)
    for x in numbers {
      guard x.isFinite else {
        unusual += 1
        continue
      }
      if x < low { low = x }
      if x > high { high = x }
      if x == 0 { zeros += 1 }
      sum += Double(x)
      squares += Double(x) * Double(x)
    }
    let finite = Double(numbers.count - unusual)
    guard finite > 0 else { return }
    (min, max, mean) = (low, high, sum / finite)
    deviation = Swift.max(0, squares / finite - sum / finite * (sum / finite)).squareRoot()
    let width = Double(high) - Double(low)
    guard width > 0 else { return }
    var counts = [Int](repeating: 0, count: bins)
    for x in numbers where x.isFinite {
      let bin = Int((Double(x) - Double(low)) / width * Double(bins))
      counts[Swift.min(bin, bins - 1)] += 1
    }
    histogram = counts
  }
}

/// A tensor as tiles: the maps of a picture `[N, C, H, W]`, of which the first `N` is shown, the kernels
/// of weights, or a matrix. Large tiles are reduced to means of blocks.
struct TensorTiles {
  /// The tiles: `[tiles, rows, columns]`.
  let values: Values
  /// How many there are in the tensor.
  let count: Int

  init(_ numbers: [Float], shape: [Int], most: Int, side: Int) {
    let (tiles, rows, columns) = Self.grid(shape, numbers.count)
    count = tiles
    let shown = min(tiles, most)
    let (height, width) = (min(rows, side), min(columns, side))
    var result: [Float] = []
    result.reserveCapacity(shown * height * width)
    for tile in 0..<shown {
      for y in 0..<height {
        let ys = y * rows / height..<max((y + 1) * rows / height, y * rows / height + 1)
        for x in 0..<width {
          let xs = x * columns / width..<max((x + 1) * columns / width, x * columns / width + 1)
          var sum: Float = 0
          for row in ys {
            for column in xs { sum += numbers[(tile * rows + row) * columns + column] }
          }
          result.append(sum / Float(ys.count * xs.count))
        }
      }
    }
    values = Values(shape: [shown, height, width], result)
  }

  private static func grid(_ shape: [Int], _ count: Int) -> (tiles: Int, rows: Int, columns: Int) {
    guard shape.count > 2 else {
      return (1, shape.count == 2 ? shape[0] : 1, shape.last ?? 1)
    }
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    let tiles = count / (rows * columns)
    if rows * columns > 1 { return (tiles, rows, columns) }
    // Kernels of one element, or vectors: a matrix.
    return (1, shape[0], count / shape[0])
  }
}
