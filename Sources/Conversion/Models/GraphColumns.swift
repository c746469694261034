/// The division of a tall drawing's layers into columns of similar height, cut where few edges pass.
struct GraphColumns {
  /// The layers of each column.
  private(set) var ranges: [Range<Int>] = []

  /// A page that is this much wider than high is easy to read.
  private static let aspect = 1.5
  /// A drawing of this height needs no columns.
  private static let tall = 1300.0
  private static let most = 40

  /// - Parameters:
  ///   - widths: the width of each layer
  ///   - heights: the height of each layer
  ///   - crossings: the number of values that pass from each layer to the next
  init(widths: [Double], heights: [Double], crossings: [Int]) {
    let total = heights.reduce(0, +)
    let widest = (widths.max() ?? 0) + 40
    var count = 1
    if total > Self.tall {
      let ideal = (Self.aspect * total / widest).squareRoot().rounded()
      count = Int(min(max(ideal, 1), Double(min(Self.most, heights.count))))
    }
    var bottoms: [Double] = []
    var sum = 0.0
    for height in heights {
      sum += height
      bottoms.append(sum)
    }
    let part = total / Double(count)
    var start = 0
    for column in 1..<max(count, 1) {
      let goal = part * Double(column)
      let places = (start..<max(start, heights.count - 1)).filter {
        abs(bottoms[$0] - goal) < part * 0.2
      }
      func cost(_ layer: Int) -> Double {
        Double(crossings[layer]) * part * 0.15 + abs(bottoms[layer] - goal)
      }
      guard let cut = places.min(by: { cost($0) < cost($1) }) else { continue }
      ranges.append(start..<cut + 1)
      start = cut + 1
    }
    ranges.append(start..<heights.count)
  }
}
