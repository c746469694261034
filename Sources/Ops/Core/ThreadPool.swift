import CKernels
import Glibc
import Synchronization

/// Threads that run the tasks of one kernel at a time. They spin briefly before they sleep, so that they
/// are awake for the next kernel of a plan; if there are more threads than CPUs, they sleep immediately.
/// They are started by the first run with more than one task.
///
/// Each thread first runs an equal share of the tasks, adjacent ones, and then takes tasks from others. A
/// thread so reads the parts of a tensor that it has written in the kernel before, as far as possible:
/// they are in its cache.
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
  private let shared: ThreadTeam

  /// A pool whose threads are not started yet.
  /// - Parameter threads: at least 1; `nil` for all CPUs that this process may use
  public init(threads: Int? = nil) {
    self.threads = max(1, threads ?? Self.available)
    canSpin = self.threads <= Int(ck_affinity_cpus())
    self.shared = ThreadTeam(threads: self.threads, canSpin: canSpin)
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
    shared.startOnce()
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
