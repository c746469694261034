import ONNXFormat
import ONNXImages
import ONNXSupport

/// A picture as lines of text: in colour a character shows two pixels, one above the other; in ASCII
/// two characters show one pixel.
///
/// - Parameter samples: grey levels from 0 (black) to 1 (white), `[height, width]`
package func drawing(
  _ samples: [Float], width: Int, height: Int, on terminal: Terminal
) -> [String] {
  guard width > 0, height > 0, samples.count == width * height else { return [] }
  func shade(_ x: Int, _ y: Int) -> Float {
    guard y < height else { return 0 }
    let sample = samples[y * width + x]
    return sample.isNaN ? 0 : min(max(sample, 0), 1)
  }
  if terminal.hasColor && terminal.isUnicode {
    // 24 greys of the 256 colours: 232 is almost black, 255 almost white.
    func color(_ x: Int, _ y: Int) -> Int { 232 + Int((shade(x, y) * 23).rounded()) }
    return stride(from: 0, to: height, by: 2).map { y in
      let cells = (0..<width).map { "\u{1B}[38;5;\(color($0, y));48;5;\(color($0, y + 1))m▀" }
      return cells.joined() + "\u{1B}[0m"
    }
  }
  let ink = Array(" .:-=+*#%@")
  return (0..<height).map { y in
    let line = String(
      (0..<width).flatMap { x in
        let character = ink[Int((shade(x, y) * Float(ink.count - 1)).rounded())]
        return [character, character]
      })
    return String(line.reversed().drop { $0 == " " }.reversed())
  }
}

/// A picture as lines of text, scaled down to the terminal's width and at most 48 pixels.
package func drawing(_ image: Image, on terminal: Terminal) -> [String] {
  let columns = min(terminal.hasColor && terminal.isUnicode ? terminal.columns : 40, 48)
  let width = min(image.width, max(columns, 1))
  let height = max(1, min(image.height * width / max(image.width, 1), 64))
  guard
    let samples = try? image.tensor(channels: 1, height: height, width: width)
      .array(as: Float.self)
  else { return [] }
  return drawing(samples, width: width, height: height, on: terminal)
}

/// A bar of at most `width` characters.
/// - Parameter fraction: the filled part, from 0 to 1
package func bar(_ fraction: Double, width: Int, on terminal: Terminal) -> String {
  let fraction = fraction.isNaN ? 0 : min(max(fraction, 0), 1)
  guard terminal.isUnicode else {
    return String(repeating: "#", count: Int((fraction * Double(width)).rounded()))
  }
  let eighths = Int((fraction * Double(width) * 8).rounded())
  let rest = eighths % 8 == 0 ? "" : String(Array(" ▏▎▍▌▋▊▉")[eighths % 8])
  return String(repeating: "█", count: eighths / 8) + rest
}
