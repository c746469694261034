import Glibc
import ONNXImages

/// An RGB colour with 8 bits for each channel.
package struct Color: Sendable, Hashable {
  package var red: UInt8
  package var green: UInt8
  package var blue: UInt8

  package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  package static let white = Color(255, 255, 255)
  package static let black = Color(0, 0, 0)
  static let ink = Color(40, 40, 40)
  static let grid = Color(225, 225, 225)

  /// Colours that colour-blind people can tell apart (Okabe and Ito, 2008).
  static let series = [
    Color(0, 114, 178), Color(213, 94, 0), Color(0, 158, 115), Color(204, 121, 167),
    Color(230, 159, 0), Color(86, 180, 233), Color(0, 0, 0), Color(150, 130, 40),
  ]

  /// A mix with another colour.
  /// - Parameter share: the other colour's part, from 0 to 1
  func mixed(with other: Color, _ share: Double) -> Color {
    func mix(_ a: UInt8, _ b: UInt8) -> UInt8 {
      UInt8((Double(a) + (Double(b) - Double(a)) * min(max(share, 0), 1)).rounded())
    }
    return Color(mix(red, other.red), mix(green, other.green), mix(blue, other.blue))
  }

  /// Whether white text is easier to read on the colour than black text.
  var isDark: Bool { 299 * Int(red) + 587 * Int(green) + 114 * Int(blue) < 140_000 }

  /// The colour as SVG writes it: `#RRGGBB`.
  var hex: String {
    let digits = [red, green, blue].map { value in
      (value < 16 ? "0" : "") + String(value, radix: 16)
    }
    return "#" + digits.joined()
  }
}

/// A picture to draw on.
struct Canvas {
  let width: Int
  let height: Int
  private var pixels: [UInt8]

  /// The most pixels of a picture.
  static let pixelLimit = 64_000_000

  /// - Throws: `ImageError` for a picture that is empty or too large
  init(width: Int, height: Int, background: Color = .white) throws(ImageError) {
    let (count, overflow) = width.multipliedReportingOverflow(by: height)
    guard width > 0, height > 0 else {
      throw .request("expected a picture of at least one pixel, got \(width) x \(height) pixels")
    }
    guard !overflow, count <= Self.pixelLimit else {
      throw .tooLarge(pixels: overflow ? .max : count, limit: Self.pixelLimit)
    }
    self.width = width
    self.height = height
    pixels = []
    pixels.reserveCapacity(3 * count)
    for _ in 0..<count { pixels += [background.red, background.green, background.blue] }
  }

  var image: Image { Image(width: width, height: height, channels: 3, pixels: pixels) }

  /// Paints a pixel.
  /// - Parameter share: the opacity: 1 replaces the pixel
  mutating func set(_ x: Int, _ y: Int, _ color: Color, _ share: Double = 1) {
    guard x >= 0, x < width, y >= 0, y < height, share > 0 else { return }
    let index = 3 * (y * width + x)
    let old = Color(pixels[index], pixels[index + 1], pixels[index + 2])
    let new = share >= 1 ? color : old.mixed(with: color, share)
    pixels[index] = new.red
    pixels[index + 1] = new.green
    pixels[index + 2] = new.blue
  }

  mutating func fill(_ x: Int, _ y: Int, _ width: Int, _ height: Int, _ color: Color) {
    let columns = max(0, x)..<max(max(0, x), min(self.width, x + width))
    for row in max(0, y)..<max(max(0, y), min(self.height, y + height)) {
      for column in columns { set(column, row, color) }
    }
  }

  /// Draws an antialiased line with round ends.
  mutating func line(
    _ a: (x: Double, y: Double), _ b: (x: Double, y: Double), _ color: Color, thickness: Double
  ) {
    let reach = thickness / 2 + 1
    func span(_ a: Double, _ b: Double, _ size: Int) -> Range<Int> {
      let low = max(0, min(a, b) - reach).rounded(.down)
      let high = min(Double(size), max(a, b) + reach).rounded(.up)
      return low < high ? Int(low)..<Int(high) : 0..<0
    }
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let length = dx * dx + dy * dy
    guard length.isFinite else { return }
    for y in span(a.y, b.y, height) {
      for x in span(a.x, b.x, width) {
        let (px, py) = (Double(x) + 0.5 - a.x, Double(y) + 0.5 - a.y)
        let along = length > 0 ? min(max((px * dx + py * dy) / length, 0), 1) : 0
        let (ex, ey) = (px - along * dx, py - along * dy)
        set(x, y, color, min(1, thickness / 2 + 0.5 - (ex * ex + ey * ey).squareRoot()))
      }
    }
  }

  /// Draws text with its upper left corner at `(x, y)`.
  /// - Parameters:
  ///   - scale: the pixels of a dot
  ///   - isUpright: whether the text runs from bottom to top, starting at `(x, y)`
  mutating func text(
    _ text: String, _ x: Int, _ y: Int, _ color: Color, scale: Int = 1, isUpright: Bool = false
  ) {
    for (number, scalar) in text.unicodeScalars.enumerated() {
      for (column, bits) in BitmapFont.columns(scalar).enumerated() {
        for row in 0..<BitmapFont.height where bits >> row & 1 == 1 {
          let along = (number * BitmapFont.advance + column) * scale
          if isUpright {
            fill(x + row * scale, y - along - scale, scale, scale, color)
          } else {
            fill(x + along, y + row * scale, scale, scale, color)
          }
        }
      }
    }
  }

  static func textWidth(_ text: String, scale: Int = 1) -> Int {
    max(0, text.unicodeScalars.count * BitmapFont.advance - 1) * scale
  }
}
