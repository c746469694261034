import Glibc
import ONNXFormat
import ONNXOperators
import Synchronization

/// The threads, limits and packed weights that all parts of a session share.
package final class Engine: Sendable {
  package let options: SessionOptions
  package let registry: Registry
  let pool: ThreadPool
  /// A pool without other threads than the caller's.
  let caller = ThreadPool(threads: 1)
  let memoryLimit: Int
  let packed: PackedTensors
  private let runs = Atomic<UInt64>(0)

  package init(_ options: SessionOptions) {
    self.options = options
    self.registry = Registry.standard.adding(options.operators)
    self.pool = ThreadPool(threads: options.threads)
    self.packed = PackedTensors(pool: pool)
    self.memoryLimit = options.memoryLimit ?? availableMemory() / 10 * 8
  }

  /// Runs work until the time limit of the options is over, or until `deadline`.
  /// - Throws: `ModelError.deadline`, and errors of `body`
  func limited<R: Sendable>(
    until deadline: ContinuousClock.Instant? = nil,
    _ body: @escaping @Sendable () throws(ModelError) -> R
  ) throws(ModelError) -> R {
    guard let limit = options.timeLimit else { return try body() }
    let result: Result<R, ModelError>? = Deadline.run(until: deadline ?? .now + limit) {
      Result { () throws(ModelError) in try body() }
    }
    guard let result else { throw .deadline(limit: limit) }
    return try result.get()
  }

  /// Throws once the deadline of this thread's work has passed, or it was cancelled: its results may then
  /// be incomplete.
  func checkTime() throws(ModelError) {
    if Deadline.isPassed { throw .deadline(limit: options.timeLimit ?? .zero) }
  }

  /// The seed of the next run's random operators; the first run's is that of the options.
  func nextSeed() -> UInt64 {
    options.seed &+ runs.wrappingAdd(1, ordering: .relaxed).oldValue &* 0xD1B5_4A32_D192_ED03
  }
}

/// The limits and the random numbers of one run.
final class Run: RunContext {
  let engine: Engine
  let profile: Profile?
  private let reserved = Atomic<Int>(0)
  private let trips = Atomic<Int>(0)
  private let seeds: Atomic<UInt64>
  /// Whether it has a deadline, or can be cancelled.
  let hasDeadline: Bool
  private let limit: Duration?
  /// Checked before every node.
  private let deadline: Mutex<ContinuousClock.Instant?>

  /// Bytes of allocations after which the size of the process is looked at.
  private static let checkInterval = 64 << 20

  /// Bytes that a trip may leave behind besides the elements of tensors.
  private static let tripBytes = 1 << 10

  /// - Parameters:
  ///   - limit: the default is the time limit of the options
  ///   - deadline: the default is the time limit from now on
  init(
    _ engine: Engine, profile: Profile? = nil, seed: UInt64? = nil, limit: Duration? = nil,
    deadline: ContinuousClock.Instant? = nil
  ) {
    self.engine = engine
    self.profile = profile
    self.seeds = Atomic(seed ?? engine.nextSeed())
    let limit = limit ?? engine.options.timeLimit
    self.limit = limit
    self.hasDeadline = limit != nil || Deadline.isPossible
    self.deadline = Mutex(limit.map { deadline ?? .now + $0 })
  }

  /// Begins another run with the same limits; its random numbers continue those of the last.
  func restart() {
    trips.store(0, ordering: .relaxed)
    guard let limit else { return }
    deadline.withLock { $0 = .now + limit }
  }

  func checkTime() throws(OperatorError) {
    let deadline = deadline.withLock { $0 }
    guard Deadline.isPassed || deadline.map({ ContinuousClock.now > $0 }) ?? false else { return }
    throw .deadline(limit: limit ?? .zero)
  }

  func reserve(bytes: Int) throws(OperatorError) {
    let limit = engine.memoryLimit
    guard bytes <= limit else { throw .memory(needed: bytes, limit: limit) }
    // Negative once the sum overflows.
    let total = reserved.wrappingAdd(bytes, ordering: .relaxed).newValue
    // Much of that is freed again, so the size of the process decides.
    guard total < 0 || total > Self.checkInterval else { return }
    reserved.store(0, ordering: .relaxed)
    let resident = residentMemory()
    guard resident <= limit - bytes else {
      let (needed, overflow) = resident.addingReportingOverflow(bytes)
      throw .memory(needed: overflow ? .max : needed, limit: limit)
    }
  }

  func countTrip() throws(OperatorError) {
    guard trips.add(1, ordering: .relaxed).newValue <= engine.options.maxTrips else {
      throw .invalid(
        "the loops of this run exceed the limit of \(engine.options.maxTrips) trips")
    }
    if hasDeadline { try checkTime() }
    try reserve(bytes: Self.tripBytes)
  }

  func nextSeed() -> UInt64 {
    seeds.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
  }
}

/// Bytes of memory that the process may still take: the kernel's estimate, or less where its cgroup
/// has less left.
private func availableMemory() -> Int {
  var available = readNumber("/proc/meminfo", after: "MemAvailable:").map { $0 * 1024 } ?? 1 << 30
  if let limit = readNumber("/sys/fs/cgroup/memory.max", after: ""),
    let used = readNumber("/sys/fs/cgroup/memory.current", after: "")
  {
    available = min(available, max(limit - used, 0))
  }
  return available
}

/// Bytes of memory that the process has in use.
private func residentMemory() -> Int {
  readNumber("/proc/self/status", after: "VmRSS:").map { $0 * 1024 } ?? 0
}

/// The first number behind `key` in a small text file.
private func readNumber(_ path: String, after key: String) -> Int? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var buffer = [CChar](repeating: 0, count: 256)
  while fgets(&buffer, Int32(buffer.count), file) != nil {
    let line = String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard line.hasPrefix(key) else { continue }
    return Int(
      line.dropFirst(key.utf8.count).drop { $0 == " " || $0 == "\t" }.prefix { $0.isNumber })
  }
  return nil
}
