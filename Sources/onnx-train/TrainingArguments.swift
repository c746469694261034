import ArgumentParser
import ONNX
import ToolSupport

/// Options of every training.
struct TrainingArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The folder or file with the data.", valueName: "path"))
  var data: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Where the trained model is written.", valueName: "model.onnx"))
  var output: String

  @Option(parsing: .unconditional, help: "Passes over the data.")
  var epochs: Int?

  @Option(parsing: .unconditional, help: "Examples, or parallel texts, of a step.")
  var batch: Int?

  @Option(parsing: .unconditional, help: "The optimiser's learning rate.")
  var rate: Double?

  @Option(parsing: .unconditional, help: "What everything random follows from.")
  var seed: UInt64 = 1

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Where the training is kept, to be resumed.", valueName: "file.onnx"))
  var checkpoint: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Steps between checkpoints; one is written after each epoch anyway.", valueName: "steps"))
  var checkpointEvery: Int?

  @Flag(help: "Go on where the checkpoint stands.")
  var resume = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write the learning curves as NAME.csv, NAME.svg and NAME.png. (default: beside the model)",
      valueName: "name"))
  var curves: String?

  @Option(
    parsing: .unconditional,
    help: "Epochs without a better validation before the training stops.")
  var patience: Int?

  @Option(parsing: .unconditional, help: "Threads to compute with. (default: all CPUs)")
  var threads: Int?

  func validate() throws {
    for (name, value) in [
      ("--epochs", epochs), ("--batch", batch), ("--checkpoint-every", checkpointEvery),
      ("--threads", threads),
    ] {
      if let value, !(1...1_000_000_000).contains(value) {
        throw ValidationError("\(name): expected at least 1, got \(value)")
      }
    }
    if let rate, !(rate.isFinite && rate > 0) {
      throw ValidationError("--rate: expected more than 0, got \(rate)")
    }
    if let patience, patience < 0 {
      throw ValidationError("--patience: expected at least 0, got \(patience)")
    }
    if resume, checkpoint == nil { throw ValidationError("--resume needs --checkpoint FILE") }
  }

  /// Fills in what the user stated.
  func apply(to recipe: inout Recipe) {
    if let epochs { recipe.settings.epochs = epochs }
    if let rate { recipe.settings.rate = recipe.settings.rate.scaled(to: rate) }
    if let patience { recipe.settings.patience = patience }
    recipe.settings.checkpoint = checkpoint
    recipe.settings.checkpointEvery = checkpointEvery
    recipe.options.seed = seed
    recipe.options.session.threads = threads
  }
}

extension LearningRate {
  /// The same course with another highest rate.
  func scaled(to rate: Double) -> LearningRate {
    switch self {
    case .constant: .constant(rate)
    case .steps(_, let factor, let every): .steps(rate, factor: factor, every: every)
    case .exponential(_, let factor, let after): .exponential(rate, factor: factor, after: after)
    case .cosine(let old, let final): .cosine(rate, final: final / old * rate)
    case .oneCycle: .oneCycle(peak: rate)
    case .triangle(_, let warmup): .triangle(peak: rate, warmup: warmup)
    }
  }
}
