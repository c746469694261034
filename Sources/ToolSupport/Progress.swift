/// A progress line on a terminal. It appears after a second.
package struct Progress: ~Copyable {
  private let terminal: Terminal
  private let isLogged: Bool
  private var next: ContinuousClock.Instant
  private var isShown = false

  /// The time between lines where there is no terminal.
  private static let logInterval: Duration = .seconds(10)

  /// - Parameter isLogged: whether a line is printed every ten seconds where there is no terminal
  package init(on terminal: Terminal = .standardError, isLogged: Bool = false) {
    self.terminal = terminal
    self.isLogged = isLogged
    next = .now + (terminal.isInteractive ? .seconds(1) : Self.logInterval)
  }

  /// Shows `text`, which is evaluated only when the line is due for an update.
  package mutating func update(_ text: @autoclosure () -> String) {
    guard terminal.isInteractive || isLogged, .now >= next else { return }
    guard terminal.isInteractive else {
      printError(text())
      next = .now + Self.logInterval
      return
    }
    let line = String(text().prefix(max(terminal.columns - 1, 1)))
    writeStatus("\r\u{1B}[K" + line)
    isShown = true
    next = .now + .milliseconds(100)
  }

  /// Removes the line. Call this before printing anything else.
  package mutating func clear() {
    guard isShown else { return }
    writeStatus("\r\u{1B}[K")
    isShown = false
  }
}

/// A line of a head, a bar and further parts, as wide as the terminal at most. Without a terminal it has
/// no bar. Where it is too narrow, the last parts are left out.
package func progressLine(
  _ head: String, share: Double, _ parts: [String], on terminal: Terminal
) -> String {
  guard terminal.isInteractive else { return ([head] + parts).joined(separator: "  ") }
  let limit = terminal.columns - 1
  var parts = parts
  func length() -> Int { head.count + parts.reduce(0) { $0 + 2 + $1.count } }
  while !parts.isEmpty, length() > limit { parts.removeLast() }
  let width = min(20, limit - length() - 3)
  var all = [head] + parts
  if width >= 4 {
    let filled = Int(Double(width) * min(max(share, 0), 1))
    let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
    all[0] += " [\(bar)]"
  }
  return String(all.joined(separator: "  ").prefix(max(limit, 1)))
}
