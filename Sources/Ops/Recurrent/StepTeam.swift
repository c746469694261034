import CKernels
import Glibc
import ONNXOperators
import ONNXProducts
import Synchronization

/// Threads that advance through phases together, such as the steps of a sequence: every phase
/// consists of the same tiles, and none begins before all tiles of the previous phase are done.
///
/// Results depend neither on how many threads take part nor on when they arrive: a thread claims a
/// tile before it works on it, and takes over a tile that nobody has claimed for too long. Threads
/// prefer the same tiles in each phase, since those tiles' weights are in their caches.
struct StepTeam {
  /// Counters on cache lines of their own: for each tile the phases done, for each tile the phases
  /// claimed, and the number of threads that have arrived. A thread that waits for a tile reads only
  /// the first, so that the second stays in the cache of the tile's usual thread.
  private let counters: UnsafeMutableRawPointer
  private let tiles: Int
  private let canSpin: Bool

  /// Two cache lines, since processors fetch neighbours in pairs.
  private static let lineSize = 128
  /// Turns to wait for a tile's usual thread before taking over the tile.
  private static let patience = 100

  /// Bytes of memory that a team needs.
  static func byteCount(tiles: Int) -> Int { (2 * tiles + 1) * lineSize }

  /// A team whose counters are at `memory`, where `reset` has been called.
  init(_ memory: UnsafeMutableRawPointer, tiles: Int, canSpin: Bool) {
    counters = memory
    self.tiles = tiles
    self.canSpin = canSpin
  }

  private func counter(_ index: Int) -> UnsafeMutablePointer<Atomic<Int>> {
    (counters + index * Self.lineSize).assumingMemoryBound(to: Atomic<Int>.self)
  }
  private func done(_ tile: Int) -> UnsafeMutablePointer<Atomic<Int>> { counter(tile) }
  private func claimed(_ tile: Int) -> UnsafeMutablePointer<Atomic<Int>> { counter(tiles + tile) }
  private var members: UnsafeMutablePointer<Atomic<Int>> { counter(2 * tiles) }

  /// Sets all counters to 0. One thread calls it, before any takes part.
  func reset() {
    for index in 0...2 * tiles {
      (counters + index * Self.lineSize).bindMemory(to: Atomic<Int>.self, capacity: 1)
        .initialize(to: Atomic(0))
    }
  }

  /// Takes part until all phases are done.
  func run(_ phases: Int, _ body: (_ phase: Int, _ tile: Int) -> Void) {
    let member = members.pointee.add(1, ordering: .relaxed).oldValue
    var phase = phases
    for tile in 0..<tiles {
      phase = min(phase, done(tile).pointee.load(ordering: .acquiring))
    }
    var patience = canSpin ? Self.patience : 0
    while true {
      for tile in 0..<tiles { finish(phase, tile, &patience, body) }
      guard phase < phases else { return }
      let members = self.members.pointee.load(ordering: .relaxed)
      for tile in tiles * member / members..<tiles * (member + 1) / members {
        take(phase, tile, body)
      }
      phase += 1
    }
  }

  /// Computes the tile unless another thread has claimed it.
  @discardableResult
  private func take(_ phase: Int, _ tile: Int, _ body: (Int, Int) -> Void) -> Bool {
    guard
      claimed(tile).pointee.compareExchange(
        expected: phase, desired: phase + 1, ordering: .relaxed
      ).exchanged
    else { return false }
    body(phase, tile)
    done(tile).pointee.store(phase + 1, ordering: .releasing)
    return true
  }

  /// Waits until the tile's phases below `phase` are done, and computes the last of them if no other
  /// thread does.
  private func finish(
    _ phase: Int, _ tile: Int, _ patience: inout Int, _ body: (Int, Int) -> Void
  ) {
    var turns = 0
    while done(tile).pointee.load(ordering: .acquiring) < phase {
      if turns >= patience, claimed(tile).pointee.load(ordering: .relaxed) == phase - 1,
        take(phase - 1, tile, body)
      {
        // Its thread is away: do not wait for it next time.
        patience = 0
        return
      }
      turns += 1
      if canSpin && turns < 500 { ck_pause() } else { sched_yield() }
    }
    if canSpin && turns > 0 { patience = Self.patience }
  }
}
