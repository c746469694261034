import ArgumentParser
import Glibc
import ONNX
import ToolSupport

/// Reads `SEED FIRST END FOLDER` and answers with a line for each of these mutants of the case: what
/// was changed, written before it runs, a tab, and `result`, `error`, or what is wrong.
struct MutationWorkerCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "mutation-worker", abstract: "Runs mutants for 'test'.", shouldDisplay: false)

  /// CPU time that one mutant may take.
  private static let seconds = 2.0
  /// Bytes that it may make the process grow by.
  private static let memory = 256 << 20

  func perform() throws -> ExitStatus {
    if dlsym(nil, "__asan_init") == nil {
      var limit = rlimit(rlim_cur: rlim_t(16 * Self.memory), rlim_max: rlim_t(16 * Self.memory))
      setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    }
    return answerRequests(patience: 3600) { request in
      do { try answer(request) } catch {
        print("\t\(error)".split(whereSeparator: \.isNewline).joined(separator: " "))
      }
    }
  }

  private func answer(_ request: String) throws {
    let words = request.split(separator: " ", maxSplits: 3).map(String.init)
    guard words.count == 4, let seed = UInt64(words[0]), let first = Int(words[1]),
      let end = Int(words[2]), first <= end
    else { throw Failure("'\(request)' is no request") }
    let model = try Model(contentsOf: "\(words[3])/model.onnx")
    var inputs: [String: Value] = [:]
    if let dataSet = try dataSets(of: words[3]).first {
      inputs = try DataSet("\(words[3])/\(dataSet)", model.graph).inputs
    }
    for index in first..<end {
      let mutant = Mutant(model, inputs, seed: seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)
      let changes = mutant.changes.joined(separator: "; ")
      print(changes.escaped, terminator: "\t")
      fflush(nil)
      print(outcome(mutant))
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
      outcome = text.isEmpty || text.contains { $0.isNewline } ? "no error of one line" : "error"
    }
    let seconds = cpuSeconds() - start
    if seconds > Self.seconds { return "took \(formatted(seconds)) s" }
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
