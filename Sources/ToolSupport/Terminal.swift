import Glibc

/// What the reader of a stream can show.
public struct Terminal: Sendable {
  /// Whether a person reads it, on a terminal that moves its cursor.
  public let isInteractive: Bool
  /// Whether it shows more than ASCII.
  public let isUnicode: Bool
  /// Whether it shows colours.
  public let hasColor: Bool
  /// Columns of a line.
  public let columns: Int

  public static let standardOutput = Terminal(STDOUT_FILENO)
  public static let standardError = Terminal(STDERR_FILENO)

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

  public init(isInteractive: Bool, isUnicode: Bool, hasColor: Bool, columns: Int) {
    self.isInteractive = isInteractive
    self.isUnicode = isUnicode
    self.hasColor = hasColor
    self.columns = columns
  }

  /// The variable's value, if it is set and not empty.
  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }
}
