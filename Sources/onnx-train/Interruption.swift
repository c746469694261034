import Glibc
import Synchronization

/// Handles SIGINT (Ctrl-C) and SIGTERM.
enum Interruption {
  private static let flag = Atomic<Bool>(false)
  private static let patience = Atomic<UInt32>(0)

  /// Installs the signal handlers. A second signal ends the process, and so does the first once the
  /// step at work has had `patience` seconds to end.
  static func watch(patience: UInt32) {
    self.patience.store(patience, ordering: .relaxed)
    signal(SIGALRM) { _ in
      let text: StaticString = "onnx-train: interrupted before the end of a step\n"
      text.withUTF8Buffer { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
      _exit(130)
    }
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
        alarm(Interruption.patience.load(ordering: .relaxed))
      }
    }
  }

  /// Whether a signal has been received.
  static var isWanted: Bool { flag.load(ordering: .relaxed) }
}
