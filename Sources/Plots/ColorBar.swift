import ONNXSupport

/// The colours of numbers beside a picture, the largest on top, with the numbers at its ends and, where it
/// is round, in the middle.
package struct ColorBar: Sendable {
  package var low: Float
  package var high: Float
  /// The colours from `low` to `high`, at equal distances.
  package var colors: [Color]
  /// Texts in place of the numbers at the ends.
  package var ends: (low: String, high: String)?

  package init(low: Float, high: Float, colors: [Color]) {
    self.low = low
    self.high = high
    self.colors = colors
  }

  /// Black over red and yellow to white.
  package static let glow = [
    Color(0, 0, 0), Color(255, 0, 0), Color(255, 255, 0), Color(255, 255, 255),
  ]
  static let grey = [Color.black, .white]

  private static let width = 14

  private var labels: [(share: Double, text: String)] {
    let (low, high) = (Double(low), Double(high))
    var texts = [
      (1.0, ends?.high ?? formatted(high, "%.3g")), (0.0, ends?.low ?? formatted(low, "%.3g")),
    ]
    if ends == nil, low == -high { texts.insert((0.5, "0"), at: 1) }
    return texts
  }

  /// The width with the numbers and the space before it.
  /// - Parameter scale: the size of the letters
  func space(scale: Int = 1) -> Int {
    14 + Self.width + 5 + (labels.map { Canvas.textWidth($0.text, scale: scale) }.max() ?? 0) + 6
  }

  /// The colour at a share of the way from `low` to `high`; grey for NaN and infinity.
  static func color(_ share: Float, _ colors: [Color]) -> Color {
    guard share.isFinite else { return Color(128, 128, 128) }
    let place = Double(min(max(share, 0), 1)) * Double(colors.count - 1)
    let index = min(Int(place), colors.count - 2)
    return colors[index].mixed(with: colors[index + 1], place - Double(index))
  }

  /// Draws the bar to the right of `left`.
  func draw(on canvas: inout Canvas, left: Int, top: Int, height: Int, scale: Int = 1) {
    let x = left + 14
    canvas.fill(x - 1, top - 1, Self.width + 2, height + 2, .ink)
    for row in 0..<height {
      canvas.fill(
        x, top + row, Self.width, 1,
        Self.color(1 - Float(row) / Float(max(height - 1, 1)), colors))
    }
    for (share, text) in labels {
      let y = top + Int((1 - share) * Double(max(height - BitmapFont.height * scale, 0)))
      canvas.text(text, x + Self.width + 5, y, .ink, scale: scale)
    }
  }
}

/// Short texts, as many in a line as fit.
struct NoteLines {
  private let lines: [String]
  private let scale: Int

  /// - Parameters:
  ///   - width: the pixels of a line; a longer text has a line of its own
  ///   - scale: the size of the letters
  init(_ notes: [String], width: Int, scale: Int = 1) {
    self.scale = scale
    var lines: [String] = []
    for note in notes {
      if let last = lines.last, Canvas.textWidth(last + "   " + note, scale: scale) <= width {
        lines[lines.count - 1] = last + "   " + note
      } else {
        lines.append(note)
      }
    }
    self.lines = lines
  }

  /// The width that the longest text needs.
  static func width(_ notes: [String], scale: Int = 1) -> Int {
    notes.map { Canvas.textWidth($0, scale: scale) }.max() ?? 0
  }

  private var lineHeight: Int { 10 * scale + 4 }
  var height: Int { lines.isEmpty ? 0 : lines.count * lineHeight + 4 }

  func draw(on canvas: inout Canvas, left: Int, top: Int) {
    for (index, line) in lines.enumerated() {
      canvas.text(line, left, top + index * lineHeight, .ink, scale: scale)
    }
  }
}
