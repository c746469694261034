import Synchronization

/// Decodes the files of pictures for the operator `ImageDecoder`.
public protocol PictureDecoder: Sendable {
  /// - Parameter isGrey: whether one channel is wanted; else red, green and blue
  /// - Throws: `OperatorError` for data that is no picture, or too large a one
  func decode(_ data: [UInt8], isGrey: Bool) throws(OperatorError) -> DecodedPicture
}

/// What a `PictureDecoder` found.
public struct DecodedPicture: Sendable {
  public let width: Int
  public let height: Int
  /// Rows from top to bottom, the samples of a pixel side by side.
  public let pixels: [UInt8]

  public init(width: Int, height: Int, pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}

/// Who decodes pictures in this process: nobody, until a library of codecs says so. This package's
/// is `ONNXImages`.
public enum PictureDecoding {
  private static let registered = Mutex<(any PictureDecoder)?>(nil)

  /// Makes `decoder` the one that `ImageDecoder` asks from now on; `nil`: nobody.
  public static func register(_ decoder: (any PictureDecoder)?) {
    registered.withLock { $0 = decoder }
  }

  package static var decoder: (any PictureDecoder)? { registered.withLock { $0 } }
}
