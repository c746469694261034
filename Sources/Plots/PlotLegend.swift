/// The frame of a chart in pixels.
struct Frame {
  var left: Double
  var right: Double
  var top: Double
  var bottom: Double
  /// The share of the width that stays free at either side.
  var margin: Double

  /// The place of a position from 0 to 1 along x.
  func x(_ position: Double) -> Double {
    left + (margin + (1 - 2 * margin) * position) * (right - left)
  }

  /// The place of a position from 0 to 1 along y. A margin of 2 % keeps curves off the frame.
  func y(_ position: Double) -> Double {
    bottom - (0.02 + 0.96 * position) * (bottom - top)
  }
}

/// The names of a chart's lines.
struct Legend {
  private let entries: [(index: Int, series: Plot.Series)]
  let width: Double
  private let height: Double

  /// - Parameter letter: the width of a letter
  init(_ series: [Plot.Series], letter: Double) {
    entries = series.enumerated().filter { !$0.element.name.isEmpty }
      .map { ($0.offset, $0.element) }
    width = Double(entries.map(\.series.name.count).max() ?? 0) * letter + 50
    height = Double(entries.count) * 20 + 10
  }

  /// The upper left point of the legend in a corner that no line crosses; `nil` if there is none.
  /// - Parameter runs: the lines of each series, as positions from 0 to 1
  func corner(
    in frame: Frame, beside runs: [[[(x: Double, y: Double)]]]
  ) -> (left: Double, top: Double)? {
    let corners = [
      (frame.right - width - 8, frame.top + 8), (frame.left + 8, frame.top + 8),
      (frame.right - width - 8, frame.bottom - height - 8),
      (frame.left + 8, frame.bottom - height - 8),
    ]
    return corners.first { left, top in
      func isCovered(_ x: Double, _ y: Double) -> Bool {
        let (x, y) = (frame.x(x), frame.y(y))
        return x > left - 6 && x < left + width + 6 && y > top - 6 && y < top + height + 6
      }
      return !runs.joined().contains { run in
        isCovered(run[0].x, run[0].y)
          || zip(run, run.dropFirst()).contains { a, b in
            (1...16).contains { step in
              let share = Double(step) / 16
              return isCovered(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share)
            }
          }
      }
    }
  }

  func draw(on surface: inout some PlotSurface, left: Double, top: Double) {
    guard !entries.isEmpty else { return }
    surface.box(left, top, width, height, .white)
    for (row, (index, series)) in entries.enumerated() {
      let color = Color.series[index % Color.series.count]
      let y = top + 15 + Double(row) * 20
      if series.style == .dots {
        surface.dot((left + 20, y), color, 3)
      } else {
        surface.line([(left + 8, y), (left + 32, y)], color, 3)
      }
      surface.text(series.name, left + 40, y + 5, .start, .ink)
    }
  }
}
