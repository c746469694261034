import CImages
import Glibc

extension Image {
  /// The formats that can be decoded.
  public enum Format: Sendable {
    case png, jpeg, bmp, tiff, webp, jpeg2000
    /// PBM, PGM, PPM, PAM
    case pnm

    /// How many of a file's first bytes tell its format.
    public static let signatureLength = 18

    /// The format by a file's first bytes; `nil` for any other file.
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

  /// Decodes a file in memory, by its first bytes: PNG, JPEG, BMP, TIFF (its first picture), WebP
  /// (of a moving picture the first frame), JPEG 2000, PBM, PGM, PPM or PAM. Transparency is
  /// dropped, 16 bits become 8, palettes and YCbCr become RGB, and inks (CMYK) the light they leave.
  /// - Throws: `ImageError`; a file cut short is an error too.
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

  /// Reads a file of any format that `init(decoding:)` knows.
  /// - Throws: `ImageError`
  public init(
    contentsOf path: String, pixelLimit: Int = Image.defaultPixelLimit
  ) throws(ImageError) {
    try self.init(decoding: readFile(path), pixelLimit: pixelLimit)
  }

  /// Throws where a file's header asks for no pixels, or for more than the limit.
  static func checkSize(width: Int, height: Int, limit: Int) throws(ImageError) {
    guard width > 0, height > 0 else { throw .codec("it has no pixels") }
    guard width <= limit, height <= limit / width else {
      throw .codec("it has \(width) x \(height) pixels, the limit is \(limit) pixels")
    }
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
