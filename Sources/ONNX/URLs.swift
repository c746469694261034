#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension Model {
  /// Reads a model from a file URL.
  /// - Throws: `FormatError`
  public init(contentsOf url: URL, options: ReadingOptions = .init()) throws(FormatError) {
    try self.init(contentsOf: url.path, options: options)
  }

  /// Writes the model to a file URL, beside it first and then renamed.
  /// - Throws: `FormatError`
  public func write(to url: URL, options: WritingOptions = .init()) throws(FormatError) {
    try write(to: url.path, options: options)
  }
}

extension Session {
  /// Reads a model from a file URL and makes it ready to run.
  /// - Throws: `FormatError` from reading, `ModelError` from checking.
  public convenience init(contentsOf url: URL, options: SessionOptions = .init()) throws {
    try self.init(contentsOf: url.path, options: options)
  }
}
