import Glibc
import Synchronization

/// Handles SIGINT (Ctrl-C), SIGTERM, and SIGHUP, which a closed terminal sends.
enum Interruption {
  private static let flag = Atomic<Bool>(false)
  private static let signals = [SIGINT, SIGTERM, SIGHUP]
  private static let patience = Atomic<UInt32>(0)
  private static let isAlone = Atomic<Bool>(true)

  /// Installs the signal handlers. A second signal ends the process at once, and so does the first once
  /// the step at work has had `patience` seconds to end.
  /// - Parameter isAlone: Whether the process is not one of several, to all of which mpirun sends the
  ///   signal.
  static func watch(patience: UInt32, isAlone: Bool = true) {
    self.isAlone.store(isAlone, ordering: .relaxed)
    self.patience.store(patience, ordering: .relaxed)
    signal(SIGALRM) { _ in
      let text: StaticString = "onnx-train: interrupted before the end of a step\n"
      text.withUTF8Buffer { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
      _exit(130)
    }
    for number in signals {
      signal(number) { _ in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
        signal(SIGHUP, SIG_DFL)
        let patience = Interruption.patience.load(ordering: .relaxed)
        if patience > 1, Interruption.isAlone.load(ordering: .relaxed) {
          let text: StaticString = "\nending after this step; interrupt again to end at once\n"
          text.withUTF8Buffer { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
        }
        alarm(patience)
      }
    }
  }

  /// Lets the signals end the process again.
  static func unwatch() {
    alarm(0)
    for number in signals { signal(number, SIG_DFL) }
  }

  /// Whether a signal has been received.
  static var isWanted: Bool { flag.load(ordering: .relaxed) }
}
