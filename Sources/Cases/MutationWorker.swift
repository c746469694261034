import Glibc
import ONNXFormat
import ONNXInterpreter
import ONNXSupport

/// The worker's side of `MutationRunner`: runs the mutants of each request `SEED FIRST END FOLDER`.
package struct MutationWorker {
  /// The subcommand that serves requests. Its argument is the CPU time that a mutant may take.
  package static let commandName = "mutation-worker"
  /// The bytes that a mutant may add to the size of the process.
  private static let memory = 256 << 20

  private let seconds: Double

  package init(seconds: Double) { self.seconds = seconds }

  /// Limits the address space of this process, unless it has the address sanitizer, which reserves
  /// terabytes.
  package static func limitMemory() {
    guard dlsym(nil, "__asan_init") == nil else { return }
    var limit = rlimit(rlim_cur: rlim_t(16 * memory), rlim_max: rlim_t(16 * memory))
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
  }

  /// Answers a request with a line for each mutant: its changes, written before it runs, a tab, and
  /// `result`, `error`, or the problem.
  package func answer(_ request: String, _ write: (String) -> Void) {
    do { try run(request, write) } catch {
      write("\t\(error)".split(whereSeparator: \.isNewline).joined(separator: " ") + "\n")
    }
  }

  private func run(_ request: String, _ write: (String) -> Void) throws {
    let words = request.split(separator: " ", maxSplits: 3).map(String.init)
    guard words.count == 4, let seed = UInt64(words[0]), let first = Int(words[1]),
      let end = Int(words[2]), first <= end
    else { throw Failure("invalid request '\(request)'") }
    let model = try Model(contentsOf: "\(words[3])/model.onnx")
    var inputs: [String: Value] = [:]
    if let dataSet = try dataSets(of: words[3]).first {
      inputs = try DataSet("\(words[3])/\(dataSet)", model.graph).inputs
    }
    for index in first..<end {
      let mutant = Mutant(model, inputs, seed: seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)
      write(mutant.changes.joined(separator: "; ").escaped + "\t")
      write(outcome(mutant) + "\n")
    }
  }

  private func outcome(_ mutant: Mutant) -> String {
    let start = cpuSeconds()
    let memory = peakMemory()
    var outcome = "result"
    do {
      _ = try Session(mutant.model, options: mutant.options).run(values: mutant.inputs)
    } catch {
      let text = "\(error)"
      outcome =
        text.isEmpty || text.contains { $0.isNewline } ? "an error that is not one line" : "error"
    }
    let taken = cpuSeconds() - start
    if taken > seconds { return "took \(formatted(taken)) s" }
    let growth = peakMemory() - memory
    return growth > Self.memory ? "took \(formattedBytes(growth))" : outcome
  }

  private func peakMemory() -> Int {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.ru_maxrss * 1024
  }

  private func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
