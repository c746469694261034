import CImages
import Glibc

extension Image {
  /// The formats that can be decoded.
  public enum Format: Sendable {
    case png, jpeg

    /// The format by a file's first bytes; `nil` for any other file.
    public init?(signature: some Sequence<UInt8>) {
      let head = Array(signature.prefix(8))
      if head.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
        self = .png
      } else if head.starts(with: [0xFF, 0xD8, 0xFF]) {
        self = .jpeg
      } else {
        return nil
      }
    }
  }

  /// Decodes a PNG or JPEG file in memory. Transparency is dropped, 16 bits become 8, palettes and
  /// YCbCr become RGB, and inks (CMYK) the light they leave.
  /// - Throws: `ImageError`; a file cut short is an error too.
  public init(
    decoding data: [UInt8], pixelLimit: Int = Image.defaultPixelLimit
  ) throws(ImageError) {
    guard let format = Format(signature: data) else { throw .unknownFormat }
    let decode =
      switch format {
      case .png: ci_decode_png
      case .jpeg: ci_decode_jpeg
      }
    var image = ci_image()
    var message = ci_message()
    let status = data.withUnsafeBufferPointer {
      decode($0.baseAddress, $0.count, UInt64(max(pixelLimit, 0)), &image, &message)
    }
    guard status == 0, let memory = image.pixels else { throw .codec(message.description) }
    defer { free(memory) }
    let (width, height, channels) = (Int(image.width), Int(image.height), Int(image.channels))
    self.init(
      width: width, height: height, channels: channels,
      pixels: Array(UnsafeBufferPointer(start: memory, count: width * height * channels)))
  }

  /// Reads a PNG or JPEG file.
  /// - Throws: `ImageError`
  public init(
    contentsOf path: String, pixelLimit: Int = Image.defaultPixelLimit
  ) throws(ImageError) {
    try self.init(decoding: readFile(path), pixelLimit: pixelLimit)
  }

  /// The picture as a PNG file in memory.
  /// - Throws: `ImageError`
  public func pngData() throws(ImageError) -> [UInt8] {
    guard width > 0, height > 0, let width = UInt32(exactly: width),
      let height = UInt32(exactly: height)
    else { throw .notAnImage("\(width) x \(height) pixels") }
    var data: UnsafeMutablePointer<UInt8>?
    var size = 0
    var message = ci_message()
    let status = pixels.withUnsafeBufferPointer { pixels in
      // The encoder only reads the pixels.
      var image = ci_image(
        width: width, height: height, channels: UInt32(channels),
        pixels: UnsafeMutablePointer(mutating: pixels.baseAddress))
      return ci_encode_png(&image, &data, &size, &message)
    }
    guard status == 0, let data else { throw .codec(message.description) }
    defer { free(data) }
    return Array(UnsafeBufferPointer(start: data, count: size))
  }

  /// Writes the picture as a PNG file.
  /// - Throws: `ImageError`
  public func writePNG(to path: String) throws(ImageError) {
    try writeFile(path, pngData())
  }
}

extension ci_message {
  fileprivate var description: String {
    withUnsafeBytes(of: text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
