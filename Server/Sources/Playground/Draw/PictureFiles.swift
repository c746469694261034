import Foundation
import ONNX
import ONNXImages
import Serving

/// Pictures for the drawing board.
enum PictureFiles {
  /// The most bytes of a file.
  static let maxBytes = 8 << 20
  /// The most pixels of a file.
  static let maxPixels = 16_000_000
  /// The most rows and columns of a picture on the board.
  static let maxSide = 560

  /// The middle of a picture, a square, as a PNG file for the board.
  /// - Throws: `ServingError` for bytes that are not a picture, or a large one
  static func square(_ bytes: [UInt8]) throws(ServingError) -> [UInt8] {
    do {
      let image = try Image(decoding: bytes, pixelLimit: maxPixels)
      let side = min(image.width, image.height)
      let (left, top) = ((image.width - side) / 2, (image.height - side) / 2)
      let row = side * image.channels
      var pixels: [UInt8] = []
      pixels.reserveCapacity(side * row)
      for y in top..<top + side {
        let start = (y * image.width + left) * image.channels
        pixels += image.pixels[start..<start + row]
      }
      let middle = Image(width: side, height: side, channels: image.channels, pixels: pixels)
      if side <= maxSide { return try middle.pngData() }
      return try Image(try middle.tensor(height: maxSide, width: maxSide)).pngData()
    } catch {
      throw ServingError(.badRequest, "the picture cannot be read: \(error)")
    }
  }

  /// A picture of the folder `digits` among the models.
  struct Example: Encodable, Sendable {
    /// The name of the file, without its ending.
    let name: String
    /// The grey levels from 0 to 1, `[H, W]`.
    let pixels: Values
  }

  /// The pictures of the folder `digits`, at most 20 small ones.
  static func examples(in folder: String) -> [Example] {
    let digits = URL(fileURLWithPath: folder).appendingPathComponent("digits")
    let files = try? FileManager.default.contentsOfDirectory(
      at: digits, includingPropertiesForKeys: [.fileSizeKey])
    return (files ?? []).sorted { $0.path < $1.path }.filter { $0.pathExtension == "png" }
      .prefix(20).compactMap { file in
        guard let size = try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize,
          size <= 1 << 16, let image = try? Image(contentsOf: file.path, pixelLimit: 1 << 16),
          let tensor = try? image.tensor(channels: 1),
          let pixels = try? tensor.array(as: Float.self)
        else { return nil }
        return Example(
          name: file.deletingPathExtension().lastPathComponent,
          pixels: Values(shape: [image.height, image.width], pixels))
      }
  }
}
