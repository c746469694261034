/// The reason why a conversion failed: one sentence that names the tensor, the node or the position
/// in the file.
public struct ConversionError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The sentence.
  public let description: String

  /// An error with this reason.
  /// - Parameter description: one sentence, without a full stop
  public init(_ description: String) { self.description = description }

  /// An error of another kind as a reason.
  init(wrapping error: any Error) {
    self = error as? ConversionError ?? ConversionError("\(error)")
  }
}
