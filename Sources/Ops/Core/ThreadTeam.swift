import CKernels
import Glibc
import ONNXFormat
import Synchronization

/// The state that the threads of a pool share. They keep it alive instead of the pool, so that the pool
/// can be released.
final class ThreadTeam: Sendable {
  /// The tasks of a thread that nobody has claimed. Threads take units of adjacent tasks; the number of
  /// the job, in the upper half, tells whether the units belong to it.
  private struct Share {
    var job: UInt32
    var units: Range<Int>

    init(_ job: UInt32, _ units: Range<Int>) {
      self.job = job
      self.units = units
    }

    init(_ word: UInt64) {
      job = UInt32(truncatingIfNeeded: word >> 32)
      units = Int(word >> 16 & 0xFFFF)..<Int(word & 0xFFFF)
    }

    var word: UInt64 {
      UInt64(job) << 32 | UInt64(units.lowerBound) << 16 | UInt64(units.upperBound)
    }
  }

  /// Two cache lines, since processors fetch neighbours in pairs.
  private static let lineSize = 128
  /// The most units of a job.
  private static let mostUnits = 1 << 15

  private let threads: Int
  /// The job on one line, the tasks done on the next, then a line for the share of each thread.
  nonisolated(unsafe) private let lines: UnsafeMutableRawPointer
  private let busy = Atomic<Bool>(false)
  private let started = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  /// The number of spins while waiting for a job before sleeping, and while waiting for other threads
  /// before yielding.
  private let turns: (job: Int, others: Int)
  nonisolated(unsafe) private let gate = ck_gate_create()

  init(threads: Int, canSpin: Bool) {
    self.threads = threads
    turns = canSpin ? (20_000, 4000) : (0, 0)
    let size = (2 + threads) * Self.lineSize
    lines = .allocate(byteCount: size, alignment: Self.lineSize)
    for offset in stride(from: 0, to: size, by: 8) {
      (lines + offset).bindMemory(to: Atomic<UInt64>.self, capacity: 1).initialize(to: Atomic(0))
    }
  }

  deinit {
    ck_gate_destroy(gate)
    lines.deallocate()
  }

  private func word(line: Int, _ index: Int = 0) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (lines + (line * Self.lineSize + index * 8)).assumingMemoryBound(to: Atomic<UInt64>.self)
  }
  /// The number of the job, which is written last.
  private var ticket: UnsafeMutablePointer<Atomic<UInt64>> { word(line: 0) }
  private var done: UnsafeMutablePointer<Atomic<UInt64>> { word(line: 1) }
  private func share(_ thread: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    word(line: 2 + thread)
  }

  private func set(_ index: Int, _ value: UInt) {
    word(line: 0, index).pointee.store(UInt64(value), ordering: .relaxed)
  }
  private func field(_ index: Int) -> UInt {
    UInt(word(line: 0, index).pointee.load(ordering: .relaxed))
  }

  func acquire() -> Bool { !busy.exchange(true, ordering: .acquiring) }
  func release() { busy.store(false, ordering: .releasing) }

  /// Starts all threads except that of the caller, unless they run already. The caller must have
  /// acquired the state.
  func startOnce() {
    guard !started.load(ordering: .relaxed) else { return }
    started.store(true, ordering: .relaxed)
    for index in 1..<max(threads, 1) { start(thread: index) }
  }

  private func start(thread index: Int) {
    let last = ticket.pointee.load(ordering: .relaxed)
    // If a thread cannot be started, the others do its tasks with the same result.
    try? WorkThread { self.work(thread: index, after: last) }.detach()
  }

  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    ck_gate_open(gate)
  }

  func run(_ count: Int, _ context: UnsafeRawPointer, _ task: UnsafePointer<ThreadPool.Task>) {
    let tasksPerUnit = (count - 1) / Self.mostUnits + 1
    let units = (count - 1) / tasksPerUnit + 1
    let job = UInt32(truncatingIfNeeded: ticket.pointee.load(ordering: .relaxed)) &+ 1
    set(1, UInt(bitPattern: task))
    set(2, UInt(bitPattern: context))
    set(3, UInt(bitPattern: ck_stop_flag()))
    set(4, UInt(count))
    set(5, UInt(tasksPerUnit))
    done.pointee.store(0, ordering: .relaxed)
    for thread in 0..<threads {
      let own = Share(job, units * thread / threads..<units * (thread + 1) / threads)
      share(thread).pointee.store(own.word, ordering: .releasing)
    }
    ticket.pointee.store(UInt64(job), ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 { ck_gate_open(gate) }
    takeTasks(of: job, thread: 0)
    var spins = 0
    while done.pointee.load(ordering: .acquiring) < UInt64(count) {
      spins += 1
      if spins < turns.others { ck_pause() } else { sched_yield() }
    }
  }

  /// Claims units of a thread's share of a job: one of the own share from the front, half of another's
  /// from the back. The fields of the job are valid once units are claimed.
  private func claim(from owner: Int, half: Bool, _ job: UInt32) -> Range<Int>? {
    var word = share(owner).pointee.load(ordering: .acquiring)
    while true {
      let now = Share(word)
      guard now.job == job, !now.units.isEmpty else { return nil }
      let (first, end) = (now.units.lowerBound, now.units.upperBound)
      let cut = half ? end - (end - first + 1) / 2 : first + 1
      let rest = Share(job, half ? first..<cut : cut..<end)
      let result = share(owner).pointee.compareExchange(
        expected: word, desired: rest.word, ordering: .acquiringAndReleasing)
      if result.exchanged { return half ? cut..<end : first..<cut }
      word = result.original
    }
  }

  private func takeTasks(of job: UInt32, thread: Int) {
    guard let task = UnsafePointer<ThreadPool.Task>(bitPattern: field(1)),
      let context = UnsafeRawPointer(bitPattern: field(2))
    else { return }
    let stop = UnsafePointer<Int32>(bitPattern: field(3))
    let (count, tasksPerUnit) = (Int(field(4)), Int(field(5)))
    var finished = 0
    var owner = thread
    while true {
      let isOwn = owner == thread
      guard let units = claim(from: owner, half: !isOwn, job) else {
        owner = owner + 1 == threads ? 0 : owner + 1
        if owner == thread { break }
        continue
      }
      if !isOwn {
        // Others may take from it again.
        share(thread).pointee.store(Share(job, units).word, ordering: .releasing)
        owner = thread
        continue
      }
      let first = units.lowerBound * tasksPerUnit
      let end = min(units.upperBound * tasksPerUnit, count)
      perform(task, context, first..<end, thread, stop)
      finished += end - first
    }
    // Once for all, since other threads wait for the cache line.
    if finished > 0 { done.pointee.add(UInt64(finished), ordering: .releasing) }
  }

  private func perform(
    _ task: UnsafePointer<ThreadPool.Task>, _ context: UnsafeRawPointer, _ tasks: Range<Int>,
    _ thread: Int, _ stop: UnsafePointer<Int32>?
  ) {
    guard let stop else {
      for index in tasks { task.pointee(context, index, thread) }
      return
    }
    let own = ck_stop_flag()
    ck_set_stop_flag(stop)
    for index in tasks where ck_flag_is_set(stop) == 0 { task.pointee(context, index, thread) }
    ck_set_stop_flag(own)
  }

  /// Runs tasks of all jobs after the `previous` one.
  private func work(thread: Int, after previous: UInt64) {
    var last = previous
    while !stopping.load(ordering: .relaxed) {
      var spins = 0
      while ticket.pointee.load(ordering: .acquiring) == last {
        if stopping.load(ordering: .relaxed) { return }
        spins += 1
        if spins < turns.job {
          ck_pause()
        } else {
          sleep(unlessPast: last)
          spins = 0
        }
      }
      last = ticket.pointee.load(ordering: .acquiring)
      takeTasks(of: UInt32(truncatingIfNeeded: last), thread: thread)
    }
  }

  private func sleep(unlessPast job: UInt64) {
    let count = ck_gate_count(gate)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    if ticket.pointee.load(ordering: .sequentiallyConsistent) == job,
      !stopping.load(ordering: .sequentiallyConsistent)
    {
      ck_gate_wait(gate, count)
    }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
  }
}
