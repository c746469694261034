import Glibc
import Synchronization

/// Whether the user asked to stop: Ctrl-C, or the signal that ends a process politely.
enum Interruption {
  private static let flag = Atomic<Bool>(false)

  /// Takes the signals over. A second one ends the process at once.
  static func watch() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }

  static var isWanted: Bool { flag.load(ordering: .relaxed) }
}
