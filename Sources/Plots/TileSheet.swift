import ONNXFormat
import ONNXImages

/// Small pictures of one size side by side, such as filters or feature maps.
package struct TileSheet: Sendable {
  /// The numbers that are black and white.
  package enum Range: Sendable {
    /// The smallest and the largest number of each tile.
    case eachTile
    /// The smallest and the largest number of all tiles.
    case allTiles
    /// 0 is grey; the largest absolute value of all tiles is white, its negative black.
    case aroundZero
    case fixed(ClosedRange<Float>)
  }

  /// The colour scale beside the tiles.
  package enum Bar: Sendable {
    case none
    /// The levels of the samples.
    case samples
    case colors(ColorBar)
  }

  package var title: String
  /// The tiles, float32 `[C, H, W]` with 1 channel (grey) or 3 (RGB).
  package var tiles: [Tensor]
  /// A caption for each tile, cut to three lines; or empty.
  package var labels: [String] = []
  /// A caption for each row and each column; or empty. Those that do not fit are left out.
  package var rowLabels: [String] = []
  package var columnLabels: [String] = []
  /// The colour scale beside the tiles.
  package var bar: Bar = .none
  /// Texts below the tiles.
  package var notes: [String] = []
  package var range: Range = .eachTile
  /// The tiles in a row; `nil` makes the sheet about square.
  package var columns: Int?
  /// The pixels along a sample's side; `nil` chooses it by the number of samples.
  package var zoom: Int?

  package init(_ title: String, _ tiles: [Tensor]) {
    self.title = title
    self.tiles = tiles
  }

  /// Draws the sheet.
  /// - Throws: `ImageError` for no tiles, tiles of different or unsuitable shapes, or a picture that is
  ///   too large
  package func image() throws(ImageError) -> Image {
    guard let first = tiles.first else { throw .request("there are no tiles to draw") }
    let shape = first.shape
    guard shape.count == 3, shape[0] == 1 || shape[0] == 3, first.count > 0,
      tiles.allSatisfy({ $0.elementType == .float32 && $0.shape == shape })
    else {
      throw .notAnImage("expected tiles float32[1,H,W] or [3,H,W] of one size, got \(first.type)")
    }
    let (height, width) = (shape[1], shape[2])
    let wide = (Double(tiles.count) * Double(height) / Double(width)).squareRoot().rounded(.up)
    let columns = min(tiles.count, max(1, self.columns ?? Int(min(wide, 1e6))))
    let rows = (tiles.count + columns - 1) / columns
    let zoom = max(
      1, self.zoom ?? min(24, 960 / (columns * (width + 1)), 720 / (rows * (height + 1))))
    let gap = 4
    let scale = width * zoom >= 150 ? 2 : 1
    let letters = max(1, (width * zoom + gap) / (BitmapFont.advance * scale) - 1)
    let captions = labels.map { Self.lines($0, letters) }
    let lineHeight = 9 * scale + 1
    let caption = (captions.map(\.count).max() ?? 0) * lineHeight + (labels.isEmpty ? 0 : 3)
    let rowLabelWidth = NoteLines.width(rowLabels)
    let left = gap + (rowLabels.isEmpty ? 0 : rowLabelWidth + 6)
    let top = (title.isEmpty ? gap : 34) + (columnLabels.isEmpty ? 0 : 14)
    let (sheetWidth, sheetHeight) = (
      columns.multipliedReportingOverflow(by: width * zoom + gap).partialValue,
      rows.multipliedReportingOverflow(by: height * zoom + gap + caption).partialValue
    )
    let shared = sharedRange()
    let bar = colorBar(shared)
    let (right, lowest) = bar.map { ($0.space(scale: scale), 120 + gap) } ?? (0, 0)
    let pictureWidth = max(
      left + sheetWidth + right, title.isEmpty ? 0 : Canvas.textWidth(title, scale: 2) + 16,
      NoteLines.width(notes, scale: scale) + 16)
    let notes = NoteLines(notes, width: pictureWidth - 16, scale: scale)
    let bottom = top + max(sheetHeight, lowest)
    var canvas = try Canvas(
      width: pictureWidth, height: bottom + notes.height,
      background: title.isEmpty ? Color(90, 90, 120) : .white)
    if !title.isEmpty { canvas.text(title, 8, 10, .ink, scale: 2) }
    bar?.draw(
      on: &canvas, left: left + sheetWidth - gap, top: top + 1,
      height: min(max(sheetHeight - gap - caption, lowest - gap - 2), 220), scale: scale)
    notes.draw(on: &canvas, left: 8, top: bottom + 4)
    drawHeadings(
      on: &canvas, left: left, top: top,
      pitch: (width * zoom + gap, height * zoom + gap + caption), rows: rows, columns: columns)

    for (index, tile) in tiles.enumerated() {
      let x = left + index % columns * (width * zoom + gap)
      let y = top + index / columns * (height * zoom + gap + caption)
      let samples = tile.elements(as: Float.self)
      let (low, high) = shared ?? Self.range(samples)
      let factor = high > low ? 255 / (high - low) : 0
      func level(_ sample: Float) -> UInt8 {
        sample.isNaN ? 0 : UInt8(min(max((sample - low) * factor, 0), 255).rounded())
      }
      let plane = height * width
      for pixel in 0..<plane {
        let color =
          shape[0] == 1
          ? Color(level(samples[pixel]), level(samples[pixel]), level(samples[pixel]))
          : Color(
            level(samples[pixel]), level(samples[plane + pixel]),
            level(samples[2 * plane + pixel]))
        canvas.fill(
          x + pixel % width * zoom, y + pixel / width * zoom, zoom, zoom, color)
      }
      for (line, text) in (index < captions.count ? captions[index] : []).enumerated() {
        canvas.text(text, x, y + height * zoom + 3 + lineHeight * line, .ink, scale: scale)
      }
    }
    return canvas.image
  }

  private func colorBar(_ shared: (low: Float, high: Float)?) -> ColorBar? {
    switch bar {
    case .none: return nil
    case .colors(let bar): return bar
    case .samples:
      var bar = ColorBar(low: shared?.low ?? 0, high: shared?.high ?? 1, colors: ColorBar.grey)
      if shared == nil { bar.ends = ("smallest", "largest") }
      return bar
    }
  }

  /// Draws the captions of rows and columns, where needed only every few of them.
  private func drawHeadings(
    on canvas: inout Canvas, left: Int, top: Int, pitch: (x: Int, y: Int), rows: Int, columns: Int
  ) {
    let rowStep = (BitmapFont.height + 2 + pitch.y - 1) / pitch.y
    for row in stride(from: 0, to: min(rows, rowLabels.count), by: rowStep) {
      let text = rowLabels[row]
      canvas.text(
        text, left - 5 - Canvas.textWidth(text), top + row * pitch.y + max(0, pitch.y / 2 - 6), .ink
      )
    }
    let widest = NoteLines.width(columnLabels) + 5
    let columnStep = (widest + pitch.x - 1) / pitch.x
    for column in stride(from: 0, to: min(columns, columnLabels.count), by: max(columnStep, 1)) {
      let text = columnLabels[column]
      let inset = columnStep > 1 ? 0 : max(0, (pitch.x - 4 - Canvas.textWidth(text)) / 2)
      canvas.text(text, left + column * pitch.x + inset, top - 12, .ink)
    }
  }

  /// Breaks a label between words into at most three lines of at most `letters` letters.
  private static func lines(_ label: String, _ letters: Int) -> [String] {
    var lines: [String] = []
    for word in label.split(separator: " ") {
      if let last = lines.last, last.count + word.count < letters {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word.prefix(letters)))
      }
    }
    return Array(lines.prefix(3))
  }

  private func sharedRange() -> (low: Float, high: Float)? {
    switch range {
    case .eachTile: return nil
    case .fixed(let range): return (range.lowerBound, range.upperBound)
    case .allTiles, .aroundZero:
      let ranges = tiles.map { Self.range($0.elements(as: Float.self)) }
      let low = ranges.map(\.0).min() ?? 0
      let high = ranges.map(\.1).max() ?? 1
      guard case .aroundZero = range else { return (low, high) }
      let reach = max(abs(low), abs(high))
      return (-reach, reach)
    }
  }

  private static func range(_ samples: TensorElements<Float>) -> (Float, Float) {
    var (low, high) = (Float.infinity, -Float.infinity)
    for sample in samples where sample.isFinite {
      low = min(low, sample)
      high = max(high, sample)
    }
    return low <= high ? (low, high) : (0, 1)
  }
}
