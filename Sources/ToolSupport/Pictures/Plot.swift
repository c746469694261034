import ONNXImages

/// A chart of lines over one axis: learning curves, forecasts, gradient norms.
public struct Plot: Sendable {
  public struct Series: Sendable {
    public enum Style: Sendable { case line, dots }
    public var name: String
    /// Numbers that are not finite, and on a logarithmic axis those not above 0, leave a gap.
    public var points: [(x: Double, y: Double)]
    public var style: Style

    public init(_ name: String, _ points: [(x: Double, y: Double)], style: Style = .line) {
      self.name = name
      self.points = points
      self.style = style
    }

    /// Numbers at `start`, `start + 1`, ….
    public init(_ name: String, _ values: [Double], from start: Double = 0) {
      self.init(name, values.enumerated().map { (start + Double($0), $1) })
    }
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var series: [Series]
  public var hasLogarithmicX = false
  public var hasLogarithmicY = false

  public init(_ title: String, xLabel: String, yLabel: String, _ series: [Series] = []) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
  }

  public static let defaultSize = (width: 900, height: 560)

  /// The chart as the text of an SVG file.
  public func svg(
    width: Int = defaultSize.width, height: Int = defaultSize.height
  ) -> String {
    var surface = SVGSurface(width: width, height: height)
    draw(on: &surface, width: Double(width), height: Double(height))
    return surface.text
  }

  /// The chart as pixels.
  /// - Throws: `Failure` for a picture that is too large.
  public func image(
    width: Int = defaultSize.width, height: Int = defaultSize.height
  ) throws(Failure) -> Image {
    var surface = CanvasSurface(try Canvas(width: width, height: height))
    draw(on: &surface, width: Double(width), height: Double(height))
    return surface.canvas.image
  }

  /// Writes the chart as `.svg`, or as `.png`, which is what any other name gets.
  /// - Throws: `Failure`, with the path
  public func write(to path: String) throws(Failure) {
    if path.lowercased().hasSuffix(".svg") {
      try writeText(svg(), to: path)
    } else {
      try image().savePNG(to: path)
    }
  }

  private func draw(on surface: inout some PlotSurface, width: Double, height: Double) {
    let xAxis = Axis(
      series.lazy.flatMap { $0.points.map(\.x) }, isLogarithmic: hasLogarithmicX,
      marks: max(2, Int(width) / 110))
    let yAxis = Axis(
      series.lazy.flatMap { $0.points.map(\.y) }, isLogarithmic: hasLogarithmicY,
      marks: max(2, Int(height) / 70))
    let letter = surface.letterWidth
    let labelWidth = Double(yAxis.ticks.map(\.label.count).max() ?? 1) * letter
    let frame = (
      left: labelWidth + 46, right: max(width - 24, labelWidth + 47), top: 44.0,
      bottom: max(height - 58, 45)
    )
    func x(_ position: Double) -> Double { frame.left + position * (frame.right - frame.left) }
    // A little room, so that curves do not lie on the frame.
    func y(_ position: Double) -> Double {
      frame.bottom - (0.02 + 0.96 * position) * (frame.bottom - frame.top)
    }

    for tick in xAxis.ticks {
      guard let place = xAxis.position(tick.value).map(x) else { continue }
      surface.line([(place, frame.top), (place, frame.bottom)], .grid, 1)
      surface.text(tick.label, place, frame.bottom + 18, .middle, .ink)
    }
    for tick in yAxis.ticks {
      guard let place = yAxis.position(tick.value).map(y) else { continue }
      surface.line([(frame.left, place), (frame.right, place)], .grid, 1)
      surface.text(tick.label, frame.left - 8, place + 5, .end, .ink)
    }
    var drawn: [(x: Double, y: Double)] = []
    for (index, series) in series.enumerated() {
      let color = Color.series[index % Color.series.count]
      for run in runs(series.points, xAxis, yAxis) {
        let places = run.map { (x: x($0.x), y: y($0.y)) }
        drawn += places
        drawn += zip(places, places.dropFirst()).map { (($0.x + $1.x) / 2, ($0.y + $1.y) / 2) }
        if series.style == .dots || places.count == 1 {
          for place in places { surface.dot(place, color, 2.5) }
        } else {
          surface.line(places, color, 2)
        }
      }
    }
    surface.line(
      [
        (frame.left, frame.top), (frame.left, frame.bottom), (frame.right, frame.bottom),
        (frame.right, frame.top), (frame.left, frame.top),
      ], .ink, 1)
    surface.text(title, width / 2, 26, .middle, .ink)
    surface.text(xLabel, (frame.left + frame.right) / 2, height - 14, .middle, .ink)
    surface.uprightText(yLabel, 22, (frame.top + frame.bottom) / 2, .ink)
    drawLegend(on: &surface, in: frame, beside: drawn, letter: letter)
  }

  /// Writes the names of the series into the corner where the fewest points lie.
  private func drawLegend(
    on surface: inout some PlotSurface,
    in frame: (left: Double, right: Double, top: Double, bottom: Double),
    beside points: [(x: Double, y: Double)], letter: Double
  ) {
    let named = series.enumerated().filter { !$0.element.name.isEmpty }
    guard !named.isEmpty else { return }
    let width = Double(named.map(\.element.name.count).max() ?? 0) * letter + 50
    let height = Double(named.count) * 20 + 10
    let corners = [
      (frame.right - width - 8, frame.top + 8), (frame.left + 8, frame.top + 8),
      (frame.right - width - 8, frame.bottom - height - 8),
      (frame.left + 8, frame.bottom - height - 8),
    ]
    let crowds = corners.map { left, top in
      points.count { (left...left + width).contains($0.x) && (top...top + height).contains($0.y) }
    }
    let (left, top) = corners[crowds.indices.min { crowds[$0] < crowds[$1] } ?? 0]
    surface.box(left, top, width, height, .white)
    for (row, entry) in named.enumerated() {
      let color = Color.series[entry.offset % Color.series.count]
      let y = top + 15 + Double(row) * 20
      if entry.element.style == .dots {
        surface.dot((left + 20, y), color, 3)
      } else {
        surface.line([(left + 8, y), (left + 32, y)], color, 3)
      }
      surface.text(entry.element.name, left + 40, y + 5, .start, .ink)
    }
  }

  /// The points by their positions on the axes, cut where one has none.
  private func runs(
    _ points: [(x: Double, y: Double)], _ xAxis: Axis, _ yAxis: Axis
  ) -> [[(x: Double, y: Double)]] {
    var runs: [[(x: Double, y: Double)]] = []
    var run: [(x: Double, y: Double)] = []
    for point in points {
      if let x = xAxis.position(point.x), let y = yAxis.position(point.y) {
        run.append((x, y))
      } else if !run.isEmpty {
        runs.append(run)
        run = []
      }
    }
    return run.isEmpty ? runs : runs + [run]
  }
}
