import ONNX

/// A picture of 8-bit samples: grey, or red, green, blue.
public struct Image: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// 1 for grey, 3 for red, green, blue.
  public let channels: Int
  /// Rows from top to bottom, the samples of a pixel side by side: `[height, width, channels]`.
  public let pixels: [UInt8]

  /// How many pixels a file may hold, unless its reader is told otherwise.
  public static let defaultPixelLimit = 100_000_000

  /// - Precondition: 1 or 3 channels, and `pixels` fills them.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(channels == 1 || channels == 3)
    precondition([height, width, channels].elementCount == pixels.count)
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }
}

/// What can be wrong with a picture or a file of one.
public enum ImageError: Error, Sendable, Hashable {
  /// The system's error number for a file that cannot be read or written.
  case file(path: String, Int32)
  /// Of no format that is known.
  case unknownFormat
  /// The decoder's or encoder's own words.
  case codec(String)
  case tooLarge(pixels: Int, limit: Int)
  /// A tensor that is no picture.
  case notAnImage(String)
  /// Sizes, channels or factors that were asked for and cannot be.
  case request(String)
  case outOfMemory(bytes: Int)
}

extension ImageError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let path, let code): "\(path): \(systemMessage(code))"
    case .unknownFormat: "a file of no known picture format"
    case .codec(let message): message
    case .tooLarge(let pixels, let limit): "\(pixels) pixels, the limit is \(limit)"
    case .notAnImage(let reason): "not a picture: \(reason)"
    case .request(let reason): reason
    case .outOfMemory(let bytes): "no memory for \(bytes) bytes"
    }
  }
}
