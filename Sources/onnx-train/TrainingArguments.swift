import ArgumentParser
import ONNX
import ToolSupport

/// The options of `new` and `tune`.
struct TrainingArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The folder or file with the training data.", valueName: "path"))
  var data: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The file to write the trained model to.", valueName: "model.onnx"))
  var output: String

  @Option(
    parsing: .unconditional,
    help: "The number of passes over the training data. (default: 5 for tune, see DEFAULTS for new)"
  )
  var epochs: Int?

  @Option(
    parsing: .unconditional,
    help: """
      The number of examples, or of streams of text, in a batch. (default: 64 for tune, see \
      DEFAULTS for new)
      """)
  var batch: Int?

  @Option(
    parsing: .unconditional,
    help: """
      The highest learning rate of the schedule. (default: 1e-3 for tune, one cycle; see DEFAULTS \
      for new)
      """)
  var rate: Double?

  @Option(parsing: .unconditional, help: "The seed of all random numbers.")
  var seed: UInt64 = 1

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      The checkpoint file, for --resume. Without it, an interrupted run writes NAME.interrupted.onnx \
      and NAME.checkpoint.onnx next to the output.
      """, valueName: "file.onnx"))
  var checkpoint: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The number of steps between checkpoints, in addition to one after each epoch.",
      valueName: "steps"))
  var checkpointEvery: Int?

  @Flag(
    help: "Continue from the checkpoint, also of a complete run if --epochs is larger than its own."
  )
  var resume = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write the learning curves to NAME.csv, NAME.svg and NAME.png. (default: next to the model)",
      valueName: "name"))
  var curves: String?

  @Option(
    parsing: .unconditional,
    help: """
      The number of epochs without a better validation result before training stops. It needs \
      validation data.
      """)
  var patience: Int?

  @Flag(
    help: """
      Do not train, but try growing learning rates for a few steps each, print the losses and the rate \
      at which they fall fastest, and write the curve to NAME.rates.csv, .svg and .png.
      """)
  var findRate = false

  @Option(
    parsing: .unconditional,
    help: "The number of threads. (default: all CPUs; with --distributed this rank's share of them)"
  )
  var threads: Int?

  @OptionGroup var gradients: GradientArguments
  @OptionGroup var ranks: RankArguments

  /// The name of the learning curves without an extension.
  var curvesName: String { curves ?? withoutExtension(output) + ".curves" }

  /// The name of the curve of `--find-rate` without an extension.
  var ratesName: String { curves ?? withoutExtension(output) + ".rates" }

  /// The model and the checkpoint of an interrupted run without `--checkpoint`.
  var interruptedModel: String { withoutExtension(output) + ".interrupted.onnx" }
  var interruptedCheckpoint: String { withoutExtension(output) + ".checkpoint.onnx" }

  /// The files that a run writes.
  var outputs: [String?] {
    if findRate { return [".csv", ".svg", ".png"].map { ratesName + $0 } }
    return [output] + (checkpoint.map { [$0] } ?? [interruptedModel, interruptedCheckpoint])
      + [".csv", ".svg", ".png"].map { curvesName + $0 }
  }

  func validate() throws {
    for (name, value) in [
      ("--epochs", epochs), ("--batch", batch), ("--checkpoint-every", checkpointEvery),
      ("--threads", threads),
    ] {
      if let value, !(1...1_000_000_000).contains(value) {
        throw ValidationError("\(name): expected at least 1, got \(value)")
      }
    }
    if let kind = [".pt", ".pth", ".h5", ".keras", ".safetensors", ".npz", ".svg", ".dot", ".json"]
      .first(where: output.lowercased().hasSuffix)
    {
      throw ValidationError(
        "--output: the model is written as ONNX, so its name should end in .onnx, not \(kind)")
    }
    if let rate, !(rate.isFinite && rate > 0) {
      throw ValidationError("--rate: expected more than 0, got \(rate)")
    }
    if let patience, patience < 0 {
      throw ValidationError("--patience: expected at least 0, got \(patience)")
    }
    let others: [(String, Bool)] = [
      ("--epochs", epochs != nil), ("--rate", rate != nil), ("--patience", patience != nil),
      ("--checkpoint", checkpoint != nil),
    ]
    if findRate, let other = others.first(where: \.1)?.0 {
      throw ValidationError("--find-rate does not train, so \(other) does not apply")
    }
    if resume, checkpoint == nil { throw ValidationError("--resume needs --checkpoint FILE") }
    if checkpointEvery != nil, checkpoint == nil {
      throw ValidationError("--checkpoint-every needs --checkpoint FILE")
    }
  }

  /// Applies the options that were given.
  func apply(to recipe: inout Recipe) {
    if let epochs { recipe.settings.epochs = epochs }
    if let rate { recipe.settings.rate = recipe.settings.rate.scaled(to: rate) }
    if let patience { recipe.settings.patience = patience }
    applyToRun(&recipe)
  }

  /// Applies the options that every run of a recipe shares, those of pretraining included.
  func applyToRun(_ recipe: inout Recipe) {
    recipe.settings.checkpoint = checkpoint
    recipe.settings.checkpointEvery = checkpointEvery
    recipe.options.seed = seed
    ranks.apply(to: &recipe.options, threads: threads)
  }
}
