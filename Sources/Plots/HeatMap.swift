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
  /// A label for each column, cut to the width of a cell; or empty.
  package var columnLabels: [String] = []
  package var rowLabels: [String] = []
  /// A text in each cell, row by row; or empty.
  package var cellLabels: [String] = []
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

  private static func color(_ position: Float, _ colors: [Color]) -> Color {
    guard position.isFinite else { return Color(128, 128, 128) }
    let place = Double(min(max(position, 0), 1)) * Double(colors.count - 1)
    let index = min(Int(place), colors.count - 2)
    return colors[index].mixed(with: colors[index + 1], place - Double(index))
  }

  /// Draws the matrix.
  /// - Parameter cell: the size of a cell in pixels; `nil` chooses it by the number of cells
  /// - Throws: `ImageError` for an empty matrix or a picture that is too large
  package func image(
    cell: (width: Int, height: Int)? = nil
  ) throws(ImageError) -> Image {
    guard rows > 0, columns > 0 else { throw .request("the matrix to draw is empty") }
    let width = max(1, cell?.width ?? min(28, max(columnLabels.isEmpty ? 1 : 8, 1100 / columns)))
    let height = max(1, cell?.height ?? min(28, max(1, 620 / rows)))
    let labelWidth = height >= 9 ? min(24, rowLabels.map(\.unicodeScalars.count).max() ?? 0) : 0
    let left = 26 + labelWidth * BitmapFont.advance + (labelWidth > 0 ? 6 : 0)
    let top = 40
    let hasNames = !columnLabels.isEmpty && width >= BitmapFont.advance
    let bottom = (hasNames ? 16 : 6) + (xLabel.isEmpty ? 6 : 20)
    let (plotWidth, plotHeight) = (columns * width, max(rows * height, 60))
    let barText = [scale.low, scale.high].map { formatted(Double($0), "%.3g") }
    let right = 40 + (barText.map(\.count).max() ?? 0) * BitmapFont.advance + 10
    let titleWidth = Canvas.textWidth(title, scale: 2) + 20
    var canvas = try Canvas(
      width: max(left + plotWidth + right, titleWidth), height: top + plotHeight + bottom)

    let (low, high, colors) = scale
    for row in 0..<rows {
      for column in 0..<columns {
        let position = (values[row * columns + column] - low) / (high - low)
        canvas.fill(
          left + column * width, top + row * height, width, height, Self.color(position, colors))
        guard row * columns + column < cellLabels.count else { continue }
        let text = cellLabels[row * columns + column]
        canvas.text(
          text, left + column * width + (width - Canvas.textWidth(text)) / 2,
          top + row * height + (height - BitmapFont.height) / 2 + 1,
          Self.color(position, colors).isDark ? .white : .ink)
      }
      if labelWidth > 0, row < rowLabels.count {
        let label = String(rowLabels[row].prefix(labelWidth))
        canvas.text(
          label, left - 6 - Canvas.textWidth(label),
          top + row * height + (height - BitmapFont.height) / 2 + 1, .ink)
      }
    }
    if hasNames {
      let letters = width / BitmapFont.advance
      for (column, label) in columnLabels.prefix(columns).enumerated() {
        let text = String(visible(label).prefix(letters))
        canvas.text(
          text, left + column * width + (width - Canvas.textWidth(text)) / 2,
          top + rows * height + 5, .ink)
      }
    }
    canvas.text(title, 10, 12, .ink, scale: 2)
    if !xLabel.isEmpty {
      canvas.text(
        xLabel, left + (plotWidth - Canvas.textWidth(xLabel)) / 2, top + plotHeight + bottom - 14,
        .ink)
    }
    if !yLabel.isEmpty {
      canvas.text(
        yLabel, 8, top + (rows * height + Canvas.textWidth(yLabel)) / 2, .ink, isUpright: true)
    }
    let barHeight = min(plotHeight, 200)
    for row in 0..<barHeight {
      canvas.fill(
        left + plotWidth + 14, top + row, 14, 1,
        Self.color(1 - Float(row) / Float(max(barHeight - 1, 1)), colors))
    }
    canvas.text(barText[1], left + plotWidth + 33, top, .ink)
    canvas.text(barText[0], left + plotWidth + 33, top + barHeight - 8, .ink)
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
