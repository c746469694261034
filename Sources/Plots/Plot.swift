import ONNXImages
import ONNXSupport

/// A line chart.
package struct Plot: Sendable {
  /// A named line or set of dots.
  package struct Series: Sendable {
    /// The way points are drawn.
    package enum Style: Sendable { case line, dots }
    package var name: String
    /// The points in their order. One that the axes cannot show leaves a gap.
    package var points: [(x: Double, y: Double)]
    package var style: Style

    package init(_ name: String, _ points: [(x: Double, y: Double)], style: Style = .line) {
      self.name = name
      self.points = points
      self.style = style
    }

    /// Values at `start`, `start + 1`, ….
    package init(_ name: String, _ values: [Double], from start: Double = 0) {
      self.init(name, values.enumerated().map { (start + Double($0), $1) })
    }
  }

  package var title: String
  package var xLabel: String
  package var yLabel: String
  package var series: [Series]
  package var hasLogarithmicX = false
  package var hasLogarithmicY = false
  /// Whether the ticks along x are whole numbers, as for epochs.
  package var hasWholeX = false

  package init(_ title: String, xLabel: String, yLabel: String, _ series: [Series] = []) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
  }

  package static let defaultSize = (width: 900, height: 560)

  /// The chart as the text of an SVG file.
  package func svg(
    width: Int = defaultSize.width, height: Int = defaultSize.height
  ) -> String {
    var surface = SVGSurface(width: width, height: height)
    draw(on: &surface, width: Double(width), height: Double(height))
    return surface.text
  }

  /// The chart as a picture.
  /// - Throws: `ImageError` for a picture that is empty or too large
  package func image(
    width: Int = defaultSize.width, height: Int = defaultSize.height
  ) throws(ImageError) -> Image {
    var surface = CanvasSurface(try Canvas(width: width, height: height))
    draw(on: &surface, width: Double(width), height: Double(height))
    return surface.canvas.image
  }

  /// Writes the chart: as SVG to a file named `.svg`, as PNG to any other.
  /// - Throws: `Failure`, with the path
  package func write(to path: String) throws(Failure) {
    if path.lowercased().hasSuffix(".svg") {
      try writeText(svg(), to: path)
    } else {
      do throws(ImageError) { try image().writePNG(to: path) } catch { throw Failure("\(error)") }
    }
  }

  func draw(on surface: inout some PlotSurface, width: Double, height: Double) {
    let xAxis = Axis(
      series.lazy.flatMap { $0.points.map(\.x) }, isLogarithmic: hasLogarithmicX,
      isWhole: hasWholeX, marks: max(2, Int(width) / 110))
    let yAxis = Axis(
      series.lazy.flatMap { $0.points.map(\.y) }, isLogarithmic: hasLogarithmicY,
      marks: max(2, Int(height) / 70))
    let letter = surface.letterWidth
    let labelWidth = Double(yAxis.ticks.map(\.label.count).max() ?? 1) * letter
    var frame = Frame(
      left: labelWidth + 46, right: max(width - 24, labelWidth + 47), top: 44.0,
      bottom: max(height - 58, 45), margin: hasMarkers ? 0.02 : 0)
    let places = series.map { runs($0.points, xAxis, yAxis) }
    let legend = Legend(series, letter: letter)
    var corner = legend.corner(in: frame, beside: places)
    if corner == nil, frame.right - frame.left > 2 * legend.width {
      // No corner is free, so the legend is beside the chart.
      frame.right -= legend.width + 12
      corner = (frame.right + 12, frame.top)
    }
    let place = corner ?? (frame.right - legend.width - 8, frame.top + 8)
    for tick in xAxis.ticks {
      guard let place = xAxis.position(tick.value).map(frame.x) else { continue }
      surface.line([(place, frame.top), (place, frame.bottom)], .grid, 1)
      surface.text(tick.label, place, frame.bottom + 18, .middle, .ink)
    }
    for tick in yAxis.ticks {
      guard let place = yAxis.position(tick.value).map(frame.y) else { continue }
      surface.line([(frame.left, place), (frame.right, place)], .grid, 1)
      surface.text(tick.label, frame.left - 8, place + 5, .end, .ink)
    }
    for (index, series) in series.enumerated() {
      let color = Color.series[index % Color.series.count]
      for run in places[index] {
        let points = run.map { (x: frame.x($0.x), y: frame.y($0.y)) }
        if series.style == .line, points.count > 1 { surface.line(points, color, 2) }
        if series.style == .dots || points.count == 1 || hasMarkers {
          for point in points { surface.dot(point, color, hasMarkers ? 4 : 2.5) }
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
    legend.draw(on: &surface, left: place.0, top: place.1)
  }

  /// Whether each point is marked: those of epochs, while they are few.
  private var hasMarkers: Bool {
    hasWholeX && (series.map(\.points.count).max() ?? 0) <= 40
  }

  /// The positions of the points on the axes, split at points that the axes cannot show.
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
