import ONNXImages
import ONNXSupport

/// Charts side by side in one picture.
package struct PlotPage: Sendable {
  package var plots: [Plot]
  /// The charts in a row.
  package var columns: Int
  /// The size of a chart.
  package var size = (width: 760, height: 480)

  package init(_ plots: [Plot], columns: Int = 2) {
    self.plots = plots
    self.columns = max(1, min(columns, plots.count))
  }

  private var rows: Int { (plots.count + columns - 1) / columns }

  /// Writes the page: as SVG to a file named `.svg`, as PNG to any other.
  /// - Throws: `Failure`, with the path
  package func write(to path: String) throws(Failure) {
    let (width, height) = (size.width * columns, size.height * rows)
    if path.lowercased().hasSuffix(".svg") {
      var surface = SVGSurface(width: width, height: height)
      draw(on: &surface)
      try writeText(surface.text, to: path)
    } else {
      do throws(ImageError) {
        var surface = CanvasSurface(try Canvas(width: width, height: height))
        draw(on: &surface)
        try surface.canvas.image.writePNG(to: path)
      } catch { throw Failure(path, error) }
    }
  }

  private func draw<S: PlotSurface>(on surface: inout S) {
    for (index, plot) in plots.enumerated() {
      var part = PartSurface(
        whole: surface, left: Double(index % columns * size.width),
        top: Double(index / columns * size.height))
      plot.draw(on: &part, width: Double(size.width), height: Double(size.height))
      surface = part.whole
    }
  }
}

/// A part of a surface.
private struct PartSurface<Whole: PlotSurface>: PlotSurface {
  var whole: Whole
  let left: Double
  let top: Double
  var letterWidth: Double { whole.letterWidth }

  private func moved(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
    (point.x + left, point.y + top)
  }

  mutating func line(_ points: [(x: Double, y: Double)], _ color: Color, _ thickness: Double) {
    whole.line(points.map(moved), color, thickness)
  }

  mutating func dot(_ center: (x: Double, y: Double), _ color: Color, _ radius: Double) {
    whole.dot(moved(center), color, radius)
  }

  mutating func box(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ fill: Color) {
    whole.box(x + left, y + top, width, height, fill)
  }

  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: TextAnchor, _ color: Color
  ) {
    whole.text(text, x + left, y + top, anchor, color)
  }

  mutating func uprightText(_ text: String, _ x: Double, _ y: Double, _ color: Color) {
    whole.uprightText(text, x + left, y + top, color)
  }
}
