/// Options for writing a model.
public struct WritingOptions: Sendable {
  /// The file for the elements of large tensors. The default, `nil`, writes them to the model's file,
  /// which cannot exceed 2 GB.
  public var externalData: ExternalDataOptions?

  /// Creates options.
  public init(externalData: ExternalDataOptions? = nil) { self.externalData = externalData }
}

/// A file for the elements of tensors, in the model's folder.
public struct ExternalDataOptions: Sendable {
  /// The name of the file, without a folder. Where a model that is replaced may refer to a file of this
  /// name, the new one gets a number behind it, and the old one is removed.
  public var name: String
  /// The smallest tensor that is written to the file, in bytes. The default is 1024. Lists of less than
  /// 128 int64, which can be shapes, always stay in the model's file.
  public var threshold: Int

  /// Creates options.
  public init(name: String, threshold: Int = 1024) {
    self.name = name
    self.threshold = threshold
  }
}
