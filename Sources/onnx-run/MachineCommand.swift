import ArgumentParser
import CKernels
import ToolSupport

/// Measures what the machine does at most, for the bounds that `tools/bench` shows.
struct MachineCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "machine",
    abstract: "Measures multiply-adds and reading of memory.",
    discussion: """
      Prints an object for each number of threads: 'flops' a second in single precision, and for
      working sets of many sizes, shared by the threads, the bytes they 'read' a second.
      """,
    shouldDisplay: false)

  @Option(parsing: .upToNextOption, help: "Numbers of threads.")
  var threads: [Int] = [1, 2]

  @Option(parsing: .upToNextOption, help: "Sizes of the working sets.")
  var bytes: [Int] = (14...27).flatMap { [1 << $0, 3 << ($0 - 1)] } + [1 << 28]

  @Option(parsing: .unconditional, help: "How long each number is measured.")
  var seconds = 0.05

  func validate() throws {
    guard threads.allSatisfy((1...64).contains), bytes.allSatisfy((1...1 << 36).contains),
      seconds > 0, seconds <= 60
    else { throw ValidationError("expected 1 to 64 threads, up to 64 GB and up to 60 seconds") }
  }

  func perform() throws -> ExitStatus {
    let repetitions = 3
    func best(_ rate: () -> Double) -> Double { (0..<repetitions).map { _ in rate() }.max() ?? 0 }
    for threads in threads {
      let flops = best { ck_multiply_add_rate(Int32(threads), seconds) }
      let reads = bytes.map { size in
        let rate = best { ck_read_rate(Int32(threads), size, seconds / Double(repetitions)) }
        return JSON.object(["bytes": .int(size), "rate": .double(rate)])
      }
      print(
        JSON.object(["threads": .int(threads), "flops": .double(flops), "read": .array(reads)]))
    }
    return .fine
  }
}
