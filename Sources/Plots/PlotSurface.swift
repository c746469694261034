import ONNXSupport

/// The part of a text that stands at its position.
enum TextAnchor { case start, middle, end }

/// A surface to draw a chart on. Lengths are in pixels, `y` grows downward, and `y` is the baseline of
/// a text.
protocol PlotSurface {
  /// The width of a letter.
  var letterWidth: Double { get }
  mutating func line(_ points: [(x: Double, y: Double)], _ color: Color, _ thickness: Double)
  mutating func dot(_ center: (x: Double, y: Double), _ color: Color, _ radius: Double)
  /// Draws a filled rectangle with a thin frame.
  mutating func box(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ fill: Color)
  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: TextAnchor, _ color: Color)
  /// Draws text from bottom to top, centred at `y`.
  mutating func uprightText(_ text: String, _ x: Double, _ y: Double, _ color: Color)
}

struct SVGSurface: PlotSurface {
  private var body: String
  let letterWidth = 8.0

  init(width: Int, height: Int) {
    body = """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" font-family="Helvetica, Arial, sans-serif" font-size="14">
      <rect width="100%" height="100%" fill="#ffffff"/>

      """
  }

  var text: String { body + "</svg>\n" }

  private func number(_ value: Double) -> String {
    let text = formatted(value, "%.2f")
    return text.hasSuffix(".00") ? String(text.dropLast(3)) : text
  }

  mutating func line(_ points: [(x: Double, y: Double)], _ color: Color, _ thickness: Double) {
    let places = points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
    body += """
      <polyline points="\(places)" fill="none" stroke="\(color.hex)" \
      stroke-width="\(number(thickness))" stroke-linejoin="round"/>

      """
  }

  mutating func dot(_ center: (x: Double, y: Double), _ color: Color, _ radius: Double) {
    body += """
      <circle cx="\(number(center.x))" cy="\(number(center.y))" r="\(number(radius))" \
      fill="\(color.hex)"/>

      """
  }

  mutating func box(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ fill: Color) {
    body += """
      <rect x="\(number(x))" y="\(number(y))" width="\(number(width))" height="\(number(height))" \
      fill="\(fill.hex)" stroke="\(Color.grid.hex)"/>

      """
  }

  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: TextAnchor, _ color: Color
  ) {
    body += """
      <text x="\(number(x))" y="\(number(y))" text-anchor="\(anchor)" \
      fill="\(color.hex)">\(Self.escaped(text))</text>

      """
  }

  mutating func uprightText(_ text: String, _ x: Double, _ y: Double, _ color: Color) {
    body += """
      <text transform="translate(\(number(x)) \(number(y))) rotate(-90)" text-anchor="middle" \
      fill="\(color.hex)">\(Self.escaped(text))</text>

      """
  }

  /// The text escaped for XML, without characters that XML forbids.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: break
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

struct CanvasSurface: PlotSurface {
  var canvas: Canvas
  /// The pixels of a dot of the font.
  private let scale = 2
  var letterWidth: Double { Double(BitmapFont.advance * scale) }

  init(_ canvas: Canvas) { self.canvas = canvas }

  mutating func line(_ points: [(x: Double, y: Double)], _ color: Color, _ thickness: Double) {
    for (a, b) in zip(points, points.dropFirst()) {
      if a.x == b.x || a.y == b.y, thickness == 1 {
        canvas.fill(
          Int(min(a.x, b.x)), Int(min(a.y, b.y)), Int(abs(a.x - b.x)) + 1,
          Int(abs(a.y - b.y)) + 1, color)
      } else {
        canvas.line(a, b, color, thickness: thickness)
      }
    }
  }

  mutating func dot(_ center: (x: Double, y: Double), _ color: Color, _ radius: Double) {
    canvas.line(center, center, color, thickness: 2 * radius)
  }

  mutating func box(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ fill: Color) {
    canvas.fill(Int(x), Int(y), Int(width), Int(height), .grid)
    canvas.fill(Int(x) + 1, Int(y) + 1, Int(width) - 2, Int(height) - 2, fill)
  }

  mutating func text(
    _ text: String, _ x: Double, _ y: Double, _ anchor: TextAnchor, _ color: Color
  ) {
    let width = Canvas.textWidth(text, scale: scale)
    let start =
      switch anchor {
      case .start: 0
      case .middle: width / 2
      case .end: width
      }
    // Seven rows of dots are above the baseline.
    canvas.text(text, Int(x) - start, Int(y) - 7 * scale + 2, color, scale: scale)
  }

  mutating func uprightText(_ text: String, _ x: Double, _ y: Double, _ color: Color) {
    let width = Canvas.textWidth(text, scale: scale)
    canvas.text(
      text, Int(x) - 7 * scale, Int(y) + width / 2, color, scale: scale, isUpright: true)
  }
}
