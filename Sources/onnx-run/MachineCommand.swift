import ArgumentParser
import CKernels
import ToolSupport

/// The subcommand `machine`: measures the limits of the machine, for the bounds that `tools/bench`
/// shows.
struct MachineCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "machine",
    abstract: "Measures the peak rates of multiply-adds and memory reads.",
    discussion: """
      Prints a JSON object for each number of threads: 'flops', the operations per second in single \
      precision, and 'read', the bytes per second that the threads read from working sets of several \
      sizes.

      EXAMPLES:
        onnx-run machine
        onnx-run machine --threads 1 2 4 --bytes 32KiB 1MiB 16MiB --seconds 0.2
      """)

  @Option(parsing: .upToNextOption, help: "The numbers of threads to measure.")
  var threads: [Int] = [1, 2]

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The sizes of the working sets, as in 32KiB 16MB.", valueName: "size"),
    transform: parseBytes)
  var bytes: [Int] = (14...27).flatMap { [1 << $0, 3 << ($0 - 1)] } + [1 << 28]

  @Option(parsing: .unconditional, help: "The seconds that each measurement takes.")
  var seconds = 0.05

  func validate() throws {
    guard threads.allSatisfy((1...64).contains), bytes.allSatisfy((1...1 << 36).contains),
      seconds > 0, seconds <= 60
    else {
      throw ValidationError(
        "expected 1 to 64 threads, working sets of at most 64 GB and at most 60 seconds")
    }
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
