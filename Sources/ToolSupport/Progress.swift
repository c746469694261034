/// A line on a terminal that says how far the work is, from its second second on.
public struct Progress: ~Copyable {
  private let terminal: Terminal
  private let interval: Duration = .milliseconds(100)
  private var next: ContinuousClock.Instant
  private var isShown = false

  public init(on terminal: Terminal = .standardError) {
    self.terminal = terminal
    next = .now + .seconds(1)
  }

  /// Shows `text`, made only when it is time for it.
  public mutating func update(_ text: @autoclosure () -> String) {
    guard terminal.isInteractive, .now >= next else { return }
    let line = String(text().prefix(max(terminal.columns - 1, 1)))
    writeError("\r\u{1B}[K" + line)
    isShown = true
    next = .now + interval
  }

  /// Takes the line away, as must be done before anything else is printed.
  public mutating func clear() {
    guard isShown else { return }
    writeError("\r\u{1B}[K")
    isShown = false
  }
}
