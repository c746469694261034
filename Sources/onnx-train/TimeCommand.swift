import ArgumentParser
import ONNX
import ToolSupport

/// Measures the time of training steps, for comparison with other software.
struct TimeCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "time", abstract: "Measure the time of a model's training steps.",
    discussion: """
      The batch is a .npz file with an array for each input and 'labels'. After 5 warm-up steps, \
      the command prints the median time of a step in milliseconds and the loss of the last step: \
      'median MS loss LOSS'. With --shards or --distributed, 'waiting MS update MS' follow: the \
      median times that a step waits for the gradients of other ranks, and updates the parameters.
      """)

  @Argument(help: "The ONNX file; - stands for standard input.")
  var model: String

  @Option(parsing: .unconditional, help: ArgumentHelp("The batch.", valueName: "batch.npz"))
  var batch: String

  @OptionGroup var step: StepArguments
  @OptionGroup var gradients: GradientArguments
  @OptionGroup var ranks: RankArguments

  @Option(parsing: .unconditional, help: "The optimiser.")
  var optimizer = OptimizerName.sgd

  @Option(parsing: .unconditional, help: "The number of steps to measure.")
  var steps = 50

  @Option(parsing: .unconditional, help: "The learning rate.")
  var rate = 1e-3

  @Option(parsing: .unconditional, help: "The number of threads. (default: all CPUs)")
  var threads: Int?

  @Flag(help: "Print the time of every node of one step.")
  var profile = false

  @Flag(
    help: ArgumentHelp(
      "For each line on standard input, measure that number of steps.", visibility: .hidden))
  var server = false

  @OptionGroup var reading: ReadingArguments

  func validate() throws {
    guard (1...1_000_000).contains(steps) else {
      throw ValidationError("--steps: expected 1 to 1000000, got \(steps)")
    }
  }

  func perform() throws -> ExitStatus { try ranks.perform(perform) }

  private func perform(_ communicator: (any Communicator)?) throws -> ExitStatus {
    var options = TrainingOptions()
    step.apply(to: &options)
    options.optimizer = optimizer.optimizer
    gradients.apply(to: &options)
    ranks.apply(to: &options, threads: threads)
    let trainer = try Trainer(readModel(model, reading), options, communicator: communicator)
    var tensors: [String: Tensor] = [:]
    for (name, tensor) in try NPZ.read(batch) { tensors[name] = tensor }
    let batch = try trainer.localPart(
      of: Batch(tensors, count: tensors.values.first?.shape.first ?? 1))
    for _ in 0..<5 { _ = try trainer.train(on: batch, rate: rate) }
    if server {
      while let steps = try nextCount(communicator) { try report(trainer, batch, steps) }
    } else {
      try report(trainer, batch, steps)
    }
    if profile {
      let events = Profile()
      _ = try trainer.train(on: batch, rate: rate, profile: events)
      ProfileTable(events.events).lines(columns: Terminal.standardOutput.lineLength)
        .forEach { print($0) }
    }
    return .fine
  }

  /// The number of steps that the next line on standard input asks for, which the first rank reads.
  private func nextCount(_ communicator: (any Communicator)?) throws -> Int? {
    let line = communicator?.rank ?? 0 == 0 ? readLine() : nil
    guard let communicator else { return line.flatMap { Int($0) } }
    let lines = try communicator.gather(Array((line ?? "").utf8))
    return Int(String(decoding: lines[0], as: UTF8.self))
  }

  private func report(_ trainer: Trainer, _ batch: Batch, _ steps: Int) throws {
    var times: [Duration] = []
    var results: [StepResult] = []
    for _ in 0..<max(steps, 1) {
      let start = ContinuousClock.now
      results.append(try trainer.train(on: batch, rate: rate))
      times.append(.now - start)
    }
    func median(_ times: [Duration]) -> String {
      formatted(times.sorted()[times.count / 2].milliseconds, "%.4f")
    }
    var line = "median \(median(times)) loss \(results[results.count - 1].loss)"
    if ranks.isSharded {
      line += " waiting \(median(results.map(\.shardTimes.waiting)))"
      line += " update \(median(results.map(\.shardTimes.update)))"
    }
    print(line)
    StandardOutput.flush()
  }
}
