import ArgumentParser
import Glibc
import ONNX
import ToolSupport

/// Times training steps on one batch, for comparison with other software.
struct TimeCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "time", abstract: "Times the training steps of a model on one batch.",
    discussion: """
      The batch is a .npz with an array for each input and 'labels'. After a few steps to warm up it
      prints the median time of a step as 'median MS', and 'loss' of the last one. With --server it
      does so once for each line on standard input, a number of steps.
      """)

  @Argument(help: "The ONNX file.")
  var model: String

  @Option(parsing: .unconditional, help: ArgumentHelp("The batch.", valueName: "batch.npz"))
  var batch: String

  @Option(parsing: .unconditional, help: "cross-entropy, mse or bce.")
  var loss = TuneCommand.LossName.crossEntropy

  @Option(parsing: .unconditional, help: "The optimiser.")
  var optimizer = OptimizerName.sgd

  @Option(parsing: .unconditional, help: "Largest norm of all gradients together.")
  var clipNorm: Double?

  @Option(parsing: .unconditional, help: "Steps to time.")
  var steps = 50

  @Option(parsing: .unconditional, help: "The learning rate.")
  var rate = 1e-3

  @Option(parsing: .unconditional, help: "Threads to compute with. (default: all CPUs)")
  var threads: Int?

  @Flag(help: "Show the time of every node of one step.")
  var profile = false

  @Flag(
    help: ArgumentHelp("Answer one line on standard input after the other.", visibility: .hidden))
  var server = false

  func perform() throws -> ExitStatus {
    var options = TrainingOptions()
    options.loss = loss.loss
    options.optimizer = optimizer.optimizer
    options.clipNorm = clipNorm
    options.session.threads = threads
    let trainer = try Trainer(readModel(model), options)
    var tensors: [String: Tensor] = [:]
    for (name, tensor) in try NPZ.read(batch) { tensors[name] = tensor }
    let batch = Batch(tensors, count: tensors.values.first?.shape.first ?? 1)
    for _ in 0..<5 { _ = try trainer.train(on: batch, rate: rate) }
    if server {
      while let line = readLine(), let steps = Int(line) { try report(trainer, batch, steps) }
    } else {
      try report(trainer, batch, steps)
    }
    if profile {
      let events = Profile()
      _ = try trainer.train(on: batch, rate: rate, profile: events)
      profileTable(events.events).forEach { print($0) }
    }
    return .fine
  }

  private func report(_ trainer: Trainer, _ batch: Batch, _ steps: Int) throws {
    var times: [Double] = []
    var last = StepResult()
    for _ in 0..<max(steps, 1) {
      let start = ContinuousClock.now
      last = try trainer.train(on: batch, rate: rate)
      times.append((.now - start).milliseconds)
    }
    times.sort()
    print("median \(formatted(times[times.count / 2], "%.4f")) loss \(last.loss)")
    fflush(nil)
  }
}
