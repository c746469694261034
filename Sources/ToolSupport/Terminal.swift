import Glibc

/// The capabilities of the terminal behind an output stream.
package struct Terminal: Sendable {
  /// Whether the stream is a terminal that can move its cursor.
  package let isInteractive: Bool
  /// Whether the terminal shows Unicode.
  package let isUnicode: Bool
  /// Whether the terminal shows colours, and `NO_COLOR` is unset.
  package let hasColor: Bool
  /// The width in characters; 80 where it is unknown.
  package let columns: Int

  /// The most characters of a line: the width of a terminal, or none for a file or a pipe, which a
  /// reader may search.
  package var lineLength: Int { isInteractive ? columns : 1 << 20 }

  package static let standardOutput = Terminal(STDOUT_FILENO)
  package static let standardError = Terminal(STDERR_FILENO)

  private init(_ descriptor: Int32) {
    let kind = Self.environment("TERM")
    isInteractive = isatty(descriptor) == 1 && kind != "dumb"
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(Self.environment).first ?? ""
    let encoding = locale.lowercased()
    isUnicode = isInteractive && (encoding.contains("utf-8") || encoding.contains("utf8"))
    hasColor = isInteractive && Self.environment("NO_COLOR") == nil
    var size = winsize()
    columns =
      isInteractive && ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
      ? Int(size.ws_col) : 80
  }

  package init(isInteractive: Bool, isUnicode: Bool, hasColor: Bool, columns: Int) {
    self.isInteractive = isInteractive
    self.isUnicode = isUnicode
    self.hasColor = hasColor
    self.columns = columns
  }

  /// The value of an environment variable; `nil` for one that is unset or empty.
  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }
}
