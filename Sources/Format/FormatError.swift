import Glibc

/// What can be wrong with a file, as data. `description` is one line.
public struct FormatError: Error, Sendable, Hashable {
  public enum Reason: Sendable, Hashable {
    /// The operating system refused.
    case system(Int32)
    /// Not a regular file, but this.
    case notAFile(String)
    /// The bytes from this offset on do not follow the format.
    case malformed(String, offset: Int)
    /// The format holds, the content does not make sense.
    case invalid(String)
    /// Right by the standard, but not done here.
    case unsupported(String)
    /// Beyond a limit of `ReadingLimits`.
    case limit(String)
    case outOfMemory(bytes: Int)
  }

  public var reason: Reason
  /// Where it happened, outermost first: file, graph, node…
  public var context: [String]

  public init(_ reason: Reason, in context: String...) {
    self.reason = reason
    self.context = context
  }

  /// The same error, seen from further out.
  package func within(_ place: String) -> FormatError {
    var error = self
    error.context.insert(place, at: 0)
    return error
  }
}

extension FormatError: CustomStringConvertible {
  public var description: String {
    let text: String
    switch reason {
    case .system(let number): text = String(cString: strerror(number))
    case .notAFile(let kind): text = "is \(kind), not a file"
    case .malformed(let what, let offset):
      text = "damaged, or no file of this kind: \(what) (at byte \(offset))"
    case .invalid(let what), .limit(let what): text = what
    case .unsupported(let what): text = "not supported: \(what)"
    case .outOfMemory(let bytes): text = "no memory for \(bytes) bytes"
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
  /// The text with control characters, line and direction marks written as `\u{…}`: a name out of a
  /// file must not move a terminal's cursor.
  package var escaped: String {
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

  /// The text in quotes, escaped, and cut where it is long.
  package var quoted: String {
    let limit = 100
    let cut = unicodeScalars.prefix(limit)
    let isWhole = cut.endIndex == unicodeScalars.endIndex
    return "'" + String(cut).escaped + (isWhole ? "'" : "…'")
  }
}
