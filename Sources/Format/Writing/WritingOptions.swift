/// How a model is written.
public struct WritingOptions: Sendable {
  /// Where the bytes of large tensors go; `nil` keeps them all in the model's file, which protobuf's
  /// readers take up to 2 GB.
  public var externalData: ExternalDataOptions?

  public init(externalData: ExternalDataOptions? = nil) { self.externalData = externalData }
}

/// A second file, beside the model, for the bytes of tensors.
public struct ExternalDataOptions: Sendable {
  /// The file's name, without a folder.
  public var name: String
  /// Tensors of fewer bytes stay in the model's file, and so do lists of less than 128 int64, which
  /// may be shapes.
  public var threshold: Int

  public init(name: String, threshold: Int = 1024) {
    self.name = name
    self.threshold = threshold
  }
}
