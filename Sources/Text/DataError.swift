import ONNXFormat

/// An error in the data of a dataset or a vocabulary: one sentence, with the file or folder in front
/// where there is one.
public struct DataError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file or folder.
  public var path: String?
  /// What was expected, and what was found.
  public var problem: String

  /// An error with this text.
  /// - Parameter path: the file or folder
  public init(_ problem: String, in path: String? = nil) {
    self.problem = problem
    self.path = path
  }

  /// The error on one line, with control characters escaped.
  public var description: String { ((path.map { "\($0): " } ?? "") + problem).escaped }
}
