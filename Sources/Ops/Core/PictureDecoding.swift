import Synchronization

/// A decoder of image files for the operator `ImageDecoder`. Several threads may call it at once.
public protocol PictureDecoder: Sendable {
  /// Decodes an image file.
  /// - Parameters:
  ///   - data: the bytes of the file
  ///   - isGrey: whether to return one channel instead of red, green and blue
  /// - Throws: `OperatorError` for data that is not an image, or an image that is too large
  func decode(_ data: [UInt8], isGrey: Bool) throws(OperatorError) -> DecodedPicture
}

/// A decoded image.
public struct DecodedPicture: Sendable {
  /// The number of columns.
  public let width: Int
  /// The number of rows.
  public let height: Int
  /// The samples in the layout `[height, width, channels]`, from 0 to 255.
  public let pixels: [UInt8]

  /// An image of `width · height` pixels.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}

/// The image decoder of the process. There is none until a library registers one, as `ONNXImages` does.
public enum PictureDecoding {
  private static let registered = Mutex<(any PictureDecoder)?>(nil)

  /// Sets the decoder that `ImageDecoder` uses from now on; `nil` for none.
  public static func register(_ decoder: (any PictureDecoder)?) {
    registered.withLock { $0 = decoder }
  }

  package static var decoder: (any PictureDecoder)? { registered.withLock { $0 } }
}
