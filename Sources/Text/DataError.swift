import ONNXFormat

/// An error in a dataset or vocabulary: one sentence, prefixed with the file or folder if there is one.
public struct DataError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file or folder.
  public var path: String?
  /// The expected and the actual content.
  public var problem: String

  /// Creates an error.
  public init(_ problem: String, in path: String? = nil) {
    self.problem = problem
    self.path = path
  }

  /// The error as one sentence.
  public var description: String { ((path.map { "\($0): " } ?? "") + problem).escaped }
}
