import ONNXFormat
import ONNXImages
import ONNXSupport

/// A matrix drawn as colours, its rows from top to bottom.
package struct HeatMap: Sendable {
  package var title: String
  package var rows: Int
  package var columns: Int
  /// The numbers, row by row.
  package var values: [Float]
  /// A label for each column; or empty. Labels wider than a cell run upwards, and are cut to 24 letters.
  package var columnLabels: [String] = []
  package var rowLabels: [String] = []
  /// A text in each cell, row by row; or empty.
  package var cellLabels: [String] = []
  /// Texts below the matrix, such as the meaning of letters.
  package var notes: [String] = []
  package var xLabel = ""
  package var yLabel = ""
  /// The ends of the colour scale. `nil` takes the smallest and the largest number, or a range around
  /// 0 where there are both signs.
  package var range: ClosedRange<Float>?
  /// Whether positive and negative numbers have different colours; `nil`: where there are both.
  package var hasTwoSides: Bool?

  /// - Precondition: `values` fill `rows` and `columns`.
  package init(_ title: String, rows: Int, columns: Int, values: [Float]) {
    precondition([rows, columns].elementCount == values.count)
    self.title = title
    self.rows = rows
    self.columns = columns
    self.values = values
  }

  /// Dark blue over green to yellow, similar to viridis, for numbers of one sign.
  private static let sequential = [
    Color(68, 1, 84), Color(59, 82, 139), Color(33, 145, 140), Color(94, 201, 98),
    Color(253, 231, 37),
  ]
  /// Blue over white to red, for numbers around 0.
  private static let diverging = [
    Color(33, 102, 172), Color(146, 197, 222), Color(247, 247, 247), Color(244, 165, 130),
    Color(178, 24, 43),
  ]

  private var scale: (low: Float, high: Float, colors: [Color]) {
    let finite = values.lazy.filter(\.isFinite)
    var low = range?.lowerBound ?? finite.min() ?? 0
    var high = range?.upperBound ?? finite.max() ?? 1
    let hasBoth = hasTwoSides ?? (low < 0 && high > 0)
    if hasBoth, range == nil {
      high = max(-low, high)
      low = -high
    }
    if low == high { high = low + 1 }
    return (low, high, hasBoth ? Self.diverging : Self.sequential)
  }

  /// The longest label, in letters.
  private static let letterLimit = 24

  /// Draws the matrix.
  /// - Parameter cell: the size of a cell in pixels; `nil` chooses it by the number of cells
  /// - Throws: `ImageError` for an empty matrix or a picture that is too large
  package func image(
    cell: (width: Int, height: Int)? = nil
  ) throws(ImageError) -> Image {
    guard rows > 0, columns > 0 else { throw .request("the matrix to draw is empty") }
    let width = max(1, cell?.width ?? min(28, max(columnLabels.isEmpty ? 1 : 8, 1100 / columns)))
    let height = max(1, cell?.height ?? min(28, max(1, 620 / rows)))
    let labelWidth =
      height >= 9 ? min(Self.letterLimit, rowLabels.map(\.unicodeScalars.count).max() ?? 0) : 0
    let left = 26 + labelWidth * BitmapFont.advance + (labelWidth > 0 ? 6 : 0)
    let top = 40
    let names = columnLabels.prefix(columns).map {
      String(visible($0).unicodeScalars.prefix(Self.letterLimit))
    }
    let hasNames = !names.isEmpty && width >= BitmapFont.height
    let widest = names.map { Canvas.textWidth($0) }.max() ?? 0
    let areUpright = widest > width
    let under = hasNames ? (areUpright ? widest + 10 : 16) : 6
    let (plotWidth, plotHeight) = (columns * width, max(rows * height, 60))
    let (low, high, colors) = scale
    let bar = ColorBar(low: low, high: high, colors: colors)
    let pictureWidth = max(
      left + plotWidth + bar.space(), Canvas.textWidth(title, scale: 2) + 20,
      Canvas.textWidth(xLabel) + 20, NoteLines.width(notes) + 20)
    let notes = NoteLines(notes, width: pictureWidth - 20)
    let bottom = under + (xLabel.isEmpty ? 6 : 20)
    var canvas = try Canvas(
      width: pictureWidth, height: top + plotHeight + bottom + notes.height)

    for row in 0..<rows {
      for column in 0..<columns {
        let position = (values[row * columns + column] - low) / (high - low)
        canvas.fill(
          left + column * width, top + row * height, width, height, ColorBar.color(position, colors)
        )
        guard row * columns + column < cellLabels.count else { continue }
        let text = cellLabels[row * columns + column]
        canvas.text(
          text, left + column * width + (width - Canvas.textWidth(text)) / 2,
          top + row * height + (height - BitmapFont.height) / 2 + 1,
          ColorBar.color(position, colors).isDark ? .white : .ink)
      }
      if labelWidth > 0, row < rowLabels.count {
        let label = String(rowLabels[row].prefix(labelWidth))
        canvas.text(
          label, left - 6 - Canvas.textWidth(label),
          top + row * height + (height - BitmapFont.height) / 2 + 1, .ink)
      }
    }
    for (column, name) in names.enumerated() where hasNames {
      let (x, y, length) = (left + column * width, top + rows * height + 5, Canvas.textWidth(name))
      if areUpright {
        canvas.text(
          name, x + (width - BitmapFont.height) / 2, y + length, .ink, isUpright: true)
      } else {
        canvas.text(name, x + (width - length) / 2, y, .ink)
      }
    }
    canvas.text(title, 10, 12, .ink, scale: 2)
    if !xLabel.isEmpty {
      let start = left + (plotWidth - Canvas.textWidth(xLabel)) / 2
      canvas.text(xLabel, max(10, start), top + plotHeight + bottom - 14, .ink)
    }
    notes.draw(on: &canvas, left: 10, top: top + plotHeight + bottom)
    if !yLabel.isEmpty {
      canvas.text(
        yLabel, 8, top + (rows * height + Canvas.textWidth(yLabel)) / 2, .ink, isUpright: true)
    }
    bar.draw(on: &canvas, left: left + plotWidth, top: top, height: min(plotHeight, 200))
    return canvas.image
  }
}

/// A label with visible characters for a space, a line feed and a tab.
private func visible(_ label: String) -> String {
  switch label {
  case " ": "_"
  case "\n": "$"
  case "\t": ">"
  default: label
  }
}
