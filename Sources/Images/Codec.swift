import CImages
import Glibc

extension Image {
  /// A file format that can be decoded.
  public enum Format: Sendable {
    /// Portable Network Graphics.
    case png
    /// Baseline or progressive JPEG.
    case jpeg
    /// A Windows or OS/2 bitmap.
    case bmp
    /// TIFF or BigTIFF.
    case tiff
    /// WebP, lossy or lossless.
    case webp
    /// A JP2 file or a JPEG 2000 codestream.
    case jpeg2000
    /// A portable pixmap of Netpbm: PBM, PGM, PPM or PAM.
    case pnm

    /// The number of bytes at the start of a file that identify its format.
    public static let signatureLength = 18

    /// The format of a file that starts with these bytes; `nil` for an unknown one.
    public init?(signature: some Sequence<UInt8>) {
      let head = Array(signature.prefix(Self.signatureLength))
      if let known = Self.signatures.first(where: { head.starts(with: $0.bytes) }) {
        self = known.format
      } else if head.starts(with: Array("RIFF".utf8)), head.dropFirst(8).starts(with: "WEBP".utf8) {
        self = .webp
      } else if BMP.isSignature(head) {
        self = .bmp
      } else if PNM.isSignature(head) {
        self = .pnm
      } else {
        return nil
      }
    }

    private static let signatures: [(bytes: [UInt8], format: Format)] = [
      ([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], .png),
      ([0xFF, 0xD8, 0xFF], .jpeg),
      ([0x49, 0x49, 42, 0], .tiff),
      ([0x4D, 0x4D, 0, 42], .tiff),
      ([0x49, 0x49, 43, 0], .tiff),
      ([0x4D, 0x4D, 0, 43], .tiff),
      ([0, 0, 0, 12, 0x6A, 0x50, 0x20, 0x20, 0x0D, 0x0A, 0x87, 0x0A], .jpeg2000),
      ([0xFF, 0x4F, 0xFF, 0x51], .jpeg2000),
    ]
  }

  /// Decodes a file in memory: PNG, JPEG, BMP, TIFF (the first picture), WebP (the first frame of an
  /// animation), JPEG 2000, PBM, PGM, PPM or PAM. Transparency is dropped, 16 bits become 8, and
  /// palettes, YCbCr and CMYK become RGB.
  /// - Parameters:
  ///   - data: the bytes of the file, whose first bytes decide the format
  ///   - pixelLimit: the largest number of pixels
  /// - Throws: `ImageError` for an unknown format, a corrupt or truncated file, or too many pixels
  public init(
    decoding data: [UInt8], pixelLimit: Int = Image.defaultPixelLimit
  ) throws(ImageError) {
    guard let format = Format(signature: data) else { throw .unknownFormat }
    switch format {
    case .png: try self.init(data, pixelLimit, ci_decode_png)
    case .jpeg: try self.init(data, pixelLimit, ci_decode_jpeg)
    case .tiff: try self.init(data, pixelLimit, ci_decode_tiff)
    case .webp: try self.init(data, pixelLimit, ci_decode_webp)
    case .jpeg2000:
      var header = try JPEG2000Header(data)
      try header.check()
      try self.init(data, pixelLimit, ci_decode_jpeg2000)
    case .bmp: self = try BMP.decode(data, pixelLimit: pixelLimit)
    case .pnm: self = try PNM.decode(data, pixelLimit: pixelLimit)
    }
  }

  private typealias Decoder = (
    UnsafePointer<UInt8>?, Int, UInt64, UnsafeMutablePointer<ci_image>?,
    UnsafeMutablePointer<ci_message>?
  ) -> Int32

  private init(
    _ data: [UInt8], _ pixelLimit: Int, _ decode: Decoder
  ) throws(ImageError) {
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

  /// Reads a file of any format that `init(decoding:)` supports.
  /// - Throws: `ImageError` for a file that cannot be read or decoded
  public init(
    contentsOf path: String, pixelLimit: Int = Image.defaultPixelLimit
  ) throws(ImageError) {
    try self.init(decoding: readFile(path), pixelLimit: pixelLimit)
  }

  /// Checks the size in a file's header.
  /// - Throws: `ImageError` for a picture without pixels or with more than the limit
  static func checkSize(width: Int, height: Int, limit: Int) throws(ImageError) {
    guard width > 0, height > 0 else { throw .codec("the picture has no pixels") }
    guard width <= limit, height <= limit / width else {
      throw .codec("\(width) x \(height) pixels exceed the limit of \(limit) pixels")
    }
  }

  /// The picture as the bytes of a PNG file.
  /// - Throws: `ImageError` for a picture that is empty or too large for the format
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

  /// Writes the picture as a PNG file and replaces an existing one.
  /// - Throws: `ImageError` for a file that cannot be written
  public func writePNG(to path: String) throws(ImageError) {
    try writeFile(path, pngData())
  }
}

extension ci_message {
  fileprivate var description: String {
    withUnsafeBytes(of: text) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
