/// What a tool tells its caller when it ends.
public enum ExitStatus: Int32, Sendable {
  case fine = 0
  /// A result differs from what was expected, or a case failed.
  case differs = 1
  /// Usage, file, graph, input or memory stopped the work.
  case stopped = 2
  /// The user stopped the work with Ctrl-C, and it can be taken up again.
  case interrupted = 130
}

/// What stops a tool: one line for standard error.
public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
  /// The error with what it happened to in front.
  public init(_ subject: String, _ error: any Error) { self.init("\(subject): \(error)") }
}
