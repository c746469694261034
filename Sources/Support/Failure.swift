/// The exit code of a tool.
package enum ExitStatus: Int32, Sendable {
  case fine = 0
  /// A result differs from the expected one, or a test case failed.
  case differs = 1
  /// Wrong arguments, a bad file or model, or too little memory stopped the work.
  case stopped = 2
  /// The user pressed Ctrl-C; the work can be resumed.
  case interrupted = 130
}

/// An error that stops a tool: one line for standard error.
package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }

  /// An error with its subject in front, as in `model.onnx: the file is empty`.
  package init(_ subject: String, _ error: any Error) { self.init("\(subject): \(error)") }
}
