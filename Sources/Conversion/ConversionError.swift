/// What stops a conversion: one sentence that names the tensor, the node or the place in the file.
public struct ConversionError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
