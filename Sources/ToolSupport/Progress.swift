/// A progress line on a terminal. It appears after a second.
package struct Progress: ~Copyable {
  private let terminal: Terminal
  private let interval: Duration = .milliseconds(100)
  private var next: ContinuousClock.Instant
  private var isShown = false

  package init(on terminal: Terminal = .standardError) {
    self.terminal = terminal
    next = .now + .seconds(1)
  }

  /// Shows `text`, which is evaluated only when the line is due for an update.
  package mutating func update(_ text: @autoclosure () -> String) {
    guard terminal.isInteractive, .now >= next else { return }
    let line = String(text().prefix(max(terminal.columns - 1, 1)))
    writeError("\r\u{1B}[K" + line)
    isShown = true
    next = .now + interval
  }

  /// Removes the line. Call this before printing anything else.
  package mutating func clear() {
    guard isShown else { return }
    writeError("\r\u{1B}[K")
    isShown = false
  }
}
