import CKernels
import Glibc
import Synchronization

/// Threads that run the tasks of one kernel at a time. They spin briefly before they sleep, so that they
/// are awake for the next kernel of a plan; if there are more threads than CPUs, they sleep immediately.
/// They are started by the first run with more than one task.
///
/// The result of a task must not depend on the thread that runs it, and work must be split into the same
/// tasks for any number of threads.
public final class ThreadPool: Sendable {
  /// A task: called with the address passed to `run`, the number of the task, and the number of the
  /// thread, below `threads`, which selects scratch memory.
  public typealias Task =
    @Sendable (_ context: UnsafeRawPointer, _ task: Int, _ thread: Int) -> Void

  /// The number of threads, including that of the caller.
  public let threads: Int
  /// Whether every thread can have a CPU of its own, so that spinning does not delay others.
  package let canSpin: Bool
  private let shared: Shared

  /// A pool whose threads are not started yet.
  /// - Parameter threads: at least 1; `nil` for all CPUs that this process may use
  public init(threads: Int? = nil) {
    self.threads = max(1, threads ?? Self.available)
    canSpin = self.threads <= Int(ck_affinity_cpus())
    self.shared = Shared(canSpin: canSpin)
  }

  deinit { shared.stop() }

  /// The number of CPUs that this process may use: those of its affinity mask, at most the quota of its
  /// cgroup.
  public static var available: Int { Int(ck_available_cpus()) }

  /// Calls `task` for every number below `tasks` on all threads, and returns when all are done. While
  /// the pool is busy with another call, all tasks run on the thread of the caller. Once the deadline of
  /// the caller's work has passed, the remaining tasks are skipped.
  public func run(_ tasks: Int, _ context: UnsafeRawPointer, _ task: @escaping Task) {
    guard threads > 1, tasks > 1, tasks <= Int(Int32.max), shared.acquire() else {
      for index in 0..<max(tasks, 0) where !Deadline.isPassed { task(context, index, 0) }
      return
    }
    shared.startOnce(threads: threads)
    withUnsafePointer(to: task) { shared.run(tasks, context, $0) }
    shared.release()
  }

  /// Calls `body` for every number below `tasks` on all threads, and returns when all are done.
  public func parallel(_ tasks: Int, _ body: @escaping @Sendable (_ task: Int) -> Void) {
    withUnsafePointer(to: body) { body in
      run(tasks, body) { context, task, _ in
        context.assumingMemoryBound(to: (@Sendable (Int) -> Void).self).pointee(task)
      }
    }
  }
}

extension Buffers {
  /// A task of a kernel. `thread`, below `Preparation.threads`, selects scratch memory. It must capture
  /// immutable values only, and write elements that no other task writes.
  public typealias Tile = @Sendable (_ buffers: Buffers, _ task: Int, _ thread: Int) -> Void

  private struct Job {
    let buffers: Buffers
    let tile: Tile
  }

  /// Calls `tile` for every number below `tasks` on all threads, and returns when all are done. Create
  /// the closure in `prepare`, so that a run does not allocate it.
  public func parallel(_ tasks: Int, _ tile: @escaping Tile) {
    guard pool.threads > 1, tasks > 1 else {
      for task in 0..<max(tasks, 0) where !Deadline.isPassed { tile(self, task, 0) }
      return
    }
    withUnsafePointer(to: Job(buffers: self, tile: tile)) { job in
      pool.run(tasks, job) { context, task, thread in
        let job = context.assumingMemoryBound(to: Job.self)
        job.pointee.tile(job.pointee.buffers, task, thread)
      }
    }
  }
}

/// The state that the threads of a pool share. They keep it alive instead of the pool, so that the pool
/// can be released.
private final class Shared: Sendable {
  /// The number of the job in the upper half, its next unclaimed task in the lower half.
  private let ticket = Atomic<UInt64>(0)
  private let tasks = Atomic<Int>(0)
  private let done = Atomic<Int>(0)
  private let context = Atomic<UInt>(0)
  private let function = Atomic<UInt>(0)
  /// The flag that ends the job early, of the thread that runs it.
  private let stopFlag = Atomic<UInt>(0)
  private let busy = Atomic<Bool>(false)
  private let started = Atomic<Bool>(false)
  private let stopping = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  /// The number of spins while waiting for a job before sleeping, and while waiting for other threads
  /// before yielding.
  private let turns: (job: Int, others: Int)
  nonisolated(unsafe) private let gate = ck_gate_create()

  init(canSpin: Bool) { turns = canSpin ? (20_000, 4000) : (0, 0) }
  deinit { ck_gate_destroy(gate) }

  func acquire() -> Bool { !busy.exchange(true, ordering: .acquiring) }
  func release() { busy.store(false, ordering: .releasing) }

  /// Starts all threads except that of the caller, unless they run already. The caller must have
  /// acquired the state.
  func startOnce(threads: Int) {
    guard !started.load(ordering: .relaxed) else { return }
    started.store(true, ordering: .relaxed)
    for index in 1..<max(threads, 1) { start(thread: index) }
  }

  private func start(thread index: Int) {
    let last = ticket.load(ordering: .relaxed) >> 32
    let start = Start(shared: self, index: index, last: last)
    var thread = pthread_t()
    let failed = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        start.shared.work(thread: start.index, after: start.last)
        return nil
      }, Unmanaged.passRetained(start).toOpaque())
    // If a thread cannot be created, the others do its tasks with the same result.
    if failed == 0 { pthread_detach(thread) }
  }

  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    ck_gate_open(gate)
  }

  func run(_ count: Int, _ context: UnsafeRawPointer, _ task: UnsafePointer<ThreadPool.Task>) {
    self.context.store(UInt(bitPattern: context), ordering: .relaxed)
    function.store(UInt(bitPattern: task), ordering: .relaxed)
    stopFlag.store(UInt(bitPattern: ck_stop_flag()), ordering: .relaxed)
    tasks.store(count, ordering: .relaxed)
    done.store(0, ordering: .relaxed)
    let job = (ticket.load(ordering: .relaxed) >> 32) &+ 1
    ticket.store(job << 32, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 { ck_gate_open(gate) }
    takeTasks(of: job, thread: 0)
    var spins = 0
    while done.load(ordering: .acquiring) < count {
      spins += 1
      if spins < turns.others { ck_pause() } else { sched_yield() }
    }
  }

  private func takeTasks(of job: UInt64, thread: Int) {
    while true {
      let current = ticket.load(ordering: .acquiring)
      guard current >> 32 == job & 0xFFFF_FFFF else { return }
      let index = Int(current & 0xFFFF_FFFF)
      let count = tasks.load(ordering: .relaxed)
      let function = self.function.load(ordering: .relaxed)
      let context = self.context.load(ordering: .relaxed)
      let stop = stopFlag.load(ordering: .relaxed)
      guard index < count else { return }
      // A thread owns the task, and may use the data of the job, only if the ticket is unchanged.
      guard
        ticket.compareExchange(
          expected: current, desired: current + 1, ordering: .acquiringAndReleasing
        ).exchanged,
        let task = UnsafePointer<ThreadPool.Task>(bitPattern: function),
        let address = UnsafeRawPointer(bitPattern: context)
      else { continue }
      if let flag = UnsafePointer<Int32>(bitPattern: stop) {
        let own = ck_stop_flag()
        ck_set_stop_flag(flag)
        if ck_flag_is_set(flag) == 0 { task.pointee(address, index, thread) }
        ck_set_stop_flag(own)
      } else {
        task.pointee(address, index, thread)
      }
      done.add(1, ordering: .releasing)
    }
  }

  /// Runs tasks of all jobs after the `previous` one.
  private func work(thread: Int, after previous: UInt64) {
    var last = previous
    while !stopping.load(ordering: .relaxed) {
      var spins = 0
      while ticket.load(ordering: .acquiring) >> 32 == last {
        if stopping.load(ordering: .relaxed) { return }
        spins += 1
        if spins < turns.job {
          ck_pause()
        } else {
          sleep(unlessPast: last)
          spins = 0
        }
      }
      last = ticket.load(ordering: .acquiring) >> 32
      takeTasks(of: last, thread: thread)
    }
  }

  private func sleep(unlessPast job: UInt64) {
    let count = ck_gate_count(gate)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    if ticket.load(ordering: .sequentiallyConsistent) >> 32 == job,
      !stopping.load(ordering: .sequentiallyConsistent)
    {
      ck_gate_wait(gate, count)
    }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
  }

  private final class Start {
    let shared: Shared
    let index: Int
    /// The job before the first one that the thread takes part in.
    let last: UInt64
    init(shared: Shared, index: Int, last: UInt64) {
      self.shared = shared
      self.index = index
      self.last = last
    }
  }
}
