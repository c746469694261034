import Glibc

/// An error in reading or writing a file. `description` is one line that names the place and the
/// cause.
public struct FormatError: Error, Sendable, Hashable {
  /// The cause of an error.
  public enum Reason: Sendable, Hashable {
    /// A system call failed with this `errno`.
    case system(Int32)
    /// The path leads to something else than a regular file, named here.
    case notAFile(String)
    /// The bytes at this offset violate the file format.
    case malformed(String, offset: Int)
    /// The file format is right, but the content contradicts itself or the standard.
    case invalid(String)
    /// The standard allows the content, but this package does not support it.
    case unsupported(String)
    /// The file exceeds one of the `ReadingLimits`.
    case limit(String)
    /// That many bytes of memory are not available.
    case outOfMemory(bytes: Int)
  }

  /// The cause.
  public var reason: Reason
  /// The place, outermost first: file, graph, node and so on.
  public var context: [String]

  /// Creates an error with the place it occurred at, outermost first.
  public init(_ reason: Reason, in context: String...) {
    self.reason = reason
    self.context = context
  }

  /// The error with `place` in front of its context.
  package func within(_ place: String) -> FormatError {
    var error = self
    error.context.insert(place, at: 0)
    return error
  }
}

extension FormatError: CustomStringConvertible {
  /// The context and the cause in one line, with control characters escaped.
  public var description: String {
    let text: String
    switch reason {
    case .system(let number): text = String(cString: strerror(number))
    case .notAFile(let kind): text = "is \(kind), not a file"
    case .malformed(let what, let offset):
      text = "\(what), at byte \(offset); the file is damaged or has another format"
    case .invalid(let what), .limit(let what): text = what
    case .unsupported(let what): text = "not supported: \(what)"
    case .outOfMemory(let bytes): text = "not enough memory: \(bytes) bytes are needed"
    }
    return (context + [text]).joined(separator: ": ").escaped
  }
}

extension FormatError {
  init(_ error: TensorError) {
    switch error {
    case .outOfMemory(let bytes): self.init(Reason.outOfMemory(bytes: bytes))
    default: self.init(.invalid(error.description))
    }
  }
}

extension String {
  /// The text with control characters and marks of line and direction written as `\u{…}`, so that a
  /// name from a file cannot control the terminal.
  package var escaped: String {
    // Most texts have nothing to escape.
    if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
    var result = ""
    for scalar in unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The text in quotes, escaped, and cut after 100 characters.
  package var quoted: String { "'" + clipped(100).escaped + "'" }

  /// The text, cut after that many Unicode scalars, so that a name from a file cannot fill the terminal.
  package func clipped(_ limit: Int) -> String {
    if utf8.count <= limit { return self }
    let cut = unicodeScalars.prefix(limit)
    return cut.endIndex == unicodeScalars.endIndex ? self : String(cut) + "…"
  }
}
