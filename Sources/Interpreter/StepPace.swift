import Synchronization

/// Finds out whether threads speed up a step. In its first runs the step takes turns between all threads
/// and the caller's alone; later runs take the faster way. The bits of the result are the same.
///
/// How long it takes to share a step depends on the machine and on whose caches hold the inputs, so it
/// is measured. Only short steps are tried: it pays for all that take longer.
struct StepPace: ~Copyable {
  /// The turn in the lowest byte, then the shortest times of one thread and of all in nanoseconds.
  private let word = Atomic<UInt64>(0)

  private static let limit: UInt64 = (1 << 28) - 1
  /// The time of all threads from which on they stay.
  private static let longest: UInt64 = 100_000
  private static let lastTurn: UInt64 = 6
  private static let (one, all): (UInt64, UInt64) = (254, 255)

  /// A way to run a step.
  enum Choice {
    case one, all
    case trialOfOne, trialOfAll

    var isOne: Bool { self == .one || self == .trialOfOne }
    var isTrial: Bool { self == .trialOfOne || self == .trialOfAll }
  }

  /// The way to take in this run.
  var choice: Choice {
    switch word.load(ordering: .relaxed) & 0xFF {
    case Self.all: .all
    case Self.one: .one
    case let turn: turn & 1 == 0 && turn > 0 ? .trialOfOne : .trialOfAll
    }
  }

  /// Takes note of the time of a trial. Of trials on several threads at once, one counts.
  func record(_ choice: Choice, _ duration: Duration) {
    let time = UInt64(max(duration / .nanoseconds(1), 0).rounded())
    let last = word.load(ordering: .relaxed)
    let turn = last & 0xFF
    // The first run fills caches.
    guard turn > 0, turn <= Self.lastTurn else {
      if turn == 0 { word.store(Self.limit << 36 | Self.limit << 8 | 1, ordering: .relaxed) }
      return
    }
    var (one, all) = (last >> 8 & Self.limit, last >> 36)
    if choice.isOne { one = min(one, time) } else { all = min(all, time) }
    var next = turn + 1
    if turn == 1, all > Self.longest {
      next = Self.all
    } else if turn == Self.lastTurn {
      next = one <= all + all / 32 ? Self.one : Self.all
    }
    word.store(all << 36 | one << 8 | next, ordering: .relaxed)
  }
}
