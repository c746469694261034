import ONNXFormat

/// A picture of 8-bit samples, grey or RGB.
public struct Image: Sendable, Equatable {
  /// The number of columns.
  public let width: Int
  /// The number of rows.
  public let height: Int
  /// 1 for grey, 3 for RGB.
  public let channels: Int
  /// The samples `[height, width, channels]`, with the top row first.
  public let pixels: [UInt8]

  /// The default limit for the number of pixels in a file: 100 million.
  public static let defaultPixelLimit = 100_000_000

  /// A picture of these samples.
  /// - Precondition: 1 or 3 channels, and `width · height · channels` samples
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(channels == 1 || channels == 3)
    precondition([height, width, channels].elementCount == pixels.count)
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }
}

/// An error of a picture or of its file.
public enum ImageError: Error, Sendable, Hashable {
  /// A file that cannot be read or written, with the system's error number.
  case file(path: String, Int32)
  /// A file of an unknown format.
  case unknownFormat
  /// A file that cannot be decoded or encoded, with the codec's message.
  case codec(String)
  /// More pixels than the limit.
  case tooLarge(pixels: Int, limit: Int)
  /// A tensor that does not have the shape or element type of a picture.
  case notAnImage(String)
  /// Invalid arguments: sizes, channels or factors.
  case request(String)
  /// Not enough memory.
  case outOfMemory(bytes: Int)
}

extension ImageError: CustomStringConvertible {
  /// The error on one line.
  public var description: String {
    switch self {
    case .file(let path, let code): "\(path): \(systemMessage(code))"
    case .unknownFormat: "the picture format is unknown"
    case .codec(let message): message
    case .tooLarge(let pixels, let limit): "\(pixels) pixels exceed the limit of \(limit) pixels"
    case .notAnImage(let reason): "not a picture: \(reason)"
    case .request(let reason): reason
    case .outOfMemory(let bytes): "not enough memory for \(bytes) bytes"
    }
  }
}
