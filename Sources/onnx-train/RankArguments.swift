import ArgumentParser
import CKernels
import Glibc
import ONNX
import ONNXDistributed
import ToolSupport

/// The options by which batches are cut into shards, and the shards shared among processes.
struct RankArguments: ParsableArguments {
  @Flag(
    help: """
      Share each batch among the processes that mpirun has started. They need the same files; the first \
      one writes and prints.
      """)
  var distributed = false

  @Option(
    parsing: .unconditional,
    help: """
      Cut each batch into this number of shards, whose gradients are added in a fixed order: the result \
      has the same bits on any number of processes up to it. (default: 4 with --distributed)
      """)
  var shards: Int?

  @Flag(help: "Normalise batches by their own statistics, not by those of each shard.")
  var syncBatchNorm = false

  func validate() throws {
    if let shards, !(1...4096).contains(shards) {
      throw ValidationError("--shards: expected 1 to 4096, got \(shards)")
    }
    if syncBatchNorm, shardCount == nil {
      throw ValidationError("--sync-batch-norm needs --shards or --distributed")
    }
  }

  /// Whether batches are cut into shards.
  var isSharded: Bool { shardCount != nil }

  private var shardCount: Int? { shards ?? (distributed ? 4 : nil) }

  func apply(to options: inout TrainingOptions, threads: Int?) {
    options.shards = shardCount
    options.synchronizesBatchNorm = syncBatchNorm
    options.session.threads = threads ?? (distributed ? Ranks.threads : nil)
  }

  /// The options that decide the bits of the result, for the configuration of a checkpoint.
  var text: String {
    (shardCount.map { " shards \($0)" } ?? "") + (syncBatchNorm ? " synchronized" : "")
  }

  /// Calls `body`, and ends the other ranks if it throws.
  /// - Parameters:
  ///   - checkpoint: The checkpoint file that the run writes; `nil` if it writes none.
  ///   - body: Takes the processes to train with; `nil` without `--distributed`.
  func perform(
    checkpoint: String? = nil, _ body: ((any Communicator)?) throws -> ExitStatus
  ) throws -> ExitStatus {
    guard distributed else {
      if let size = Ranks.size, size > 1 {
        throw Failure("mpirun has started \(size) processes for one training; add --distributed")
      }
      return try body(nil)
    }
    guard let size = Ranks.size else {
      throw Failure("--distributed: start it with mpirun, as in 'mpirun -n 4 onnx-train new …'")
    }
    guard size <= shardCount ?? 0 else {
      throw Failure(
        "--distributed: \(size) ranks need at least \(size) shards, got \(shardCount ?? 0); "
          + "see --shards")
    }
    let communicator = try OpenMPICommunicator(
      tool: "onnx-train",
      advice: checkpoint.map {
        "the same command with --resume goes on from the checkpoint '\($0)'"
      }
        ?? "no checkpoint was written, as --checkpoint was not given")
    do {
      let status = try body(communicator)
      // It waits for all: when one process ends with an error, mpirun ends those that still write.
      try communicator.close()
      return communicator.rank == 0 ? status : .fine
    } catch {
      let rank = communicator.rank
      // An error that all ranks have comes from the first.
      if rank > 0 { usleep(200_000) }
      communicator.abort(
        "onnx-train: \(rank > 0 ? "rank \(rank): " : "")\(oneLine("\(error)"))")
    }
  }
}

/// This process among those that mpirun has started.
enum Ranks {
  /// The number of processes; `nil` without mpirun.
  static var size: Int? { number("OMPI_COMM_WORLD_SIZE") }

  /// The CPUs of the host, as far as the processes on it may use them.
  private static var hostCPUs: Int {
    let available = Int(ck_available_cpus())
    return available < bound ? available : sysconf(Int32(_SC_NPROCESSORS_ONLN))
  }

  /// The CPUs that mpirun has bound this process to.
  private static var bound: Int { Int(ck_affinity_cpus()) }

  /// An equal share of the host's CPUs.
  private static var share: Int {
    max(1, hostCPUs / max(1, number("OMPI_COMM_WORLD_LOCAL_SIZE") ?? 1))
  }

  /// The threads of this process: its share of the host's CPUs, but no more than mpirun has bound it to.
  static var threads: Int { min(bound, share) }

  /// A remark on CPUs that stay idle, as mpirun binds one or two ranks to a core each unless told
  /// otherwise; `nil` if none do.
  static var idleCPUs: String? {
    bound < share
      ? "mpirun has bound this rank to \(bound) of \(hostCPUs) CPUs; "
        + "'mpirun --bind-to none' gives each rank its share" : nil
  }

  private static func number(_ name: String) -> Int? {
    getenv(name).flatMap { Int(String(cString: $0)) }
  }

  /// Makes all ranks but the first print nothing but errors, so that what all of them say appears once.
  static func silenceOthers() {
    guard let rank = number("OMPI_COMM_WORLD_RANK"), rank > 0 else { return }
    isQuiet.store(true, ordering: .relaxed)
    let nothing = open("/dev/null", O_WRONLY)
    dup2(nothing, STDOUT_FILENO)
    close(nothing)
  }
}
