import ArgumentParser
import ONNXCases
import ToolSupport

/// Runs cases for `test`, in a process of its own.
struct TestWorkerCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: CaseWorker.commandName, abstract: "Runs cases for 'test'.", shouldDisplay: false)

  @Argument(help: "The seconds after which a case ends the process.")
  var seconds: UInt32

  @Option var convolution: ConvolutionChoice?
  @Option var tolerance: Double?
  @OptionGroup var reading: ReadingArguments

  func perform() throws -> ExitStatus {
    let worker = CaseWorker(
      convolution: convolution, tolerance: tolerance, reading: reading.options)
    serveRequests(patience: seconds) { request, write in write(worker.answer(request)) }
    return .fine
  }
}

/// Runs mutants of cases for `test`, in a process of its own.
struct MutationWorkerCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: MutationWorker.commandName, abstract: "Runs mutants for 'test'.",
    shouldDisplay: false)

  @Argument(help: "The CPU time that a mutant may take.")
  var seconds: Double

  func perform() throws -> ExitStatus {
    MutationWorker.limitMemory()
    let worker = MutationWorker(seconds: seconds)
    serveRequests(patience: 3600) { request, write in worker.answer(request, write) }
    return .fine
  }
}

extension ConvolutionChoice: ExpressibleByArgument {}
