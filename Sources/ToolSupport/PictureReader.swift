import ONNXFormat
import ONNXImages
import Synchronization

/// Reads picture files for training, and counts those that it had to convert.
package final class PictureReader: Sendable {
  private let normalization: PictureNormalization
  private let converted = Mutex<Converted>(Converted())

  private struct Converted {
    var all: Set<String> = []
    var resized: Set<String> = []
    var coloured: Set<String> = []
    var greyed: Set<String> = []
    var size = ""
  }

  package init(_ normalization: PictureNormalization = PictureNormalization()) {
    self.normalization = normalization
  }

  /// Reads a picture as float32 `[C, H, W]`, normalized.
  /// - Parameter sizes: The channels, height and width to convert the picture to; `nil` for its own,
  ///   without transparency.
  package func read(_ path: String, _ sizes: [Int]?) throws -> Tensor {
    let image = try Image(contentsOf: path)
    let wanted = sizes ?? [image.channels, image.height, image.width]
    if sizes != nil {
      converted.withLock {
        $0.all.insert(path)
        $0.size = "\(wanted[1]) x \(wanted[2])"
        if [image.height, image.width] != Array(wanted[1...]) { $0.resized.insert(path) }
        if image.channels < wanted[0] { $0.coloured.insert(path) }
        if image.channels > wanted[0] { $0.greyed.insert(path) }
      }
    }
    // Without sizes, only the shape matters.
    let (mean, scale) =
      sizes == nil ? ([0], [1]) : (normalization.mean, normalization.scale)
    return try image.tensor(
      channels: wanted[0], height: wanted[1], width: wanted[2], mean: mean, scale: scale
    ).reshaped(to: wanted)
  }

  /// A line on the pictures read so far that were converted; `nil` if there are none.
  package var note: String? {
    converted.withLock {
      let counts = [
        ($0.resized.count, "resized to \($0.size)"),
        ($0.coloured.count, "converted from grey to RGB"),
        ($0.greyed.count, "converted from RGB to grey"),
      ].filter { $0.0 > 0 }
      guard !counts.isEmpty else { return nil }
      return "of \($0.all.count) pictures, "
        + counts.map { "\($0) were \($1)" }.joined(separator: ", ")
    }
  }
}
