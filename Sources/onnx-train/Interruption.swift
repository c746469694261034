import Glibc
import Synchronization

/// Handles SIGINT (Ctrl-C), SIGTERM, and SIGHUP, which a closed terminal sends.
enum Interruption {
  private static let flag = Atomic<Bool>(false)
  private static let signals = [SIGINT, SIGTERM, SIGHUP]
  private static let patience = Atomic<UInt32>(0)
  /// The number of this process among those of one training; negative without mpirun.
  private static let rank = Atomic<Int>(-1)

  /// Installs the signal handlers. A second signal ends the process at once, and so does the first once
  /// the step at work has had `patience` seconds to end.
  /// - Parameter rank: The number of this process, if mpirun has started several. It sends the signal to all
  ///   of them, and kills those that have not ended a second later.
  static func watch(patience: UInt32, rank: Int? = nil) {
    self.rank.store(rank ?? -1, ordering: .relaxed)
    self.patience.store(patience, ordering: .relaxed)
    signal(SIGALRM) { _ in
      let rank = Interruption.rank.load(ordering: .relaxed)
      if rank < 0 {
        say("onnx-train: interrupted before the end of a step\n")
        _exit(130)
      }
      if rank == 0 {
        say(
          """

          the step has not ended, and mpirun kills the ranks a second after an interrupt, or when its \
          --mca odls_base_sigkill_timeout says so

          """)
      }
    }
    for number in signals {
      signal(number) { _ in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
        signal(SIGHUP, SIG_DFL)
        guard Interruption.rank.load(ordering: .relaxed) < 0 else {
          ualarm(700_000, 0)
          return
        }
        let patience = Interruption.patience.load(ordering: .relaxed)
        if patience > 1 { say("\nending after this step; interrupt again to end at once\n") }
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

/// Writes to standard error, as a signal handler may.
private func say(_ text: StaticString) {
  text.withUTF8Buffer { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
