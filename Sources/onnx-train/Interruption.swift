import Glibc
import Synchronization

/// Handles SIGINT (Ctrl-C) and SIGTERM.
enum Interruption {
  private static let flag = Atomic<Bool>(false)

  /// Installs the signal handlers. A second signal ends the process.
  static func watch() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }

  /// Whether a signal has been received.
  static var isWanted: Bool { flag.load(ordering: .relaxed) }
}
