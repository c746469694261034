import ArgumentParser
import ONNX
import ToolSupport

/// Continues the training of a model from a file.
struct TuneCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune", abstract: "Continue the training of a model from an ONNX file.",
    discussion: """
      --data is a folder with MNIST's IDX files, a folder with a subfolder of pictures for each \
      class or with such folders as train/ and test/ or validation/, or a .npz file with arrays x and y and, optionally, validation_x, validation_y, test_x and \
      test_y. A tenth of at least 200 training examples is set aside for validation unless \
      --validation-share says otherwise, and the epoch with the best result on them is kept. The test \
      data is not looked at before the end.

      The graph of the model does not change, except by --replace-head: Dropout and \
      BatchNormalization are in training mode during training only. A BatchNormalization whose scale \
      and bias are frozen stays in inference mode.

      --mean, --scale and --std are noted in the model's metadata, where onnx-run finds them.
      """)

  @Argument(help: "The ONNX file; - stands for standard input.")
  var model: String

  @OptionGroup var arguments: TrainingArguments
  @OptionGroup var preparation: DataArguments
  @OptionGroup var normalization: NormalizationArguments

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Start from the weights of this checkpoint, such as a .pt or .safetensors file.",
      valueName: "checkpoint"))
  var weights: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Do not train the initializers whose names, or names in PyTorch, match. * matches any text, ? any character.",
      valueName: "pattern"))
  var freeze: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Train only the initializers whose names, or names in PyTorch, match.", valueName: "pattern"))
  var trainOnly: [String] = []

  @Flag(help: "Train only the new layer of --replace-head.")
  var headOnly = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Replace the last layer by a new one for this number of classes.",
      valueName: "classes"))
  var replaceHead: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Test on this share of the examples of an .npz file, which are not trained on.",
      valueName: "share"))
  var testShare: Double?

  @OptionGroup var step: StepArguments

  @Option(parsing: .unconditional, help: "The optimiser.")
  var optimizer = OptimizerName.adam

  @Option(
    parsing: .unconditional, help: "The output that the loss takes. (default: the first)")
  var lossOutput: String?

  @Flag(help: "Keep the order of the data, and use a constant learning rate.")
  var plain = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write the loss of every step to a file.", valueName: "file.csv"))
  var stepLosses: String?

  @Flag(help: "Allow --output to replace the model or the data.")
  var force = false

  @OptionGroup var reading: ReadingArguments

  func validate() throws {
    if let replaceHead, !(1...1_000_000).contains(replaceHead) {
      throw ValidationError("--replace-head: expected at least 1, got \(replaceHead)")
    }
    if let testShare, !(testShare > 0 && testShare < 1) {
      throw ValidationError("--test-share: expected more than 0 and less than 1, got \(testShare)")
    }
    if headOnly, replaceHead == nil { throw ValidationError("--head-only needs --replace-head") }
    if headOnly, !trainOnly.isEmpty {
      throw ValidationError("--head-only and --train-only exclude each other")
    }
  }

  func perform() throws -> ExitStatus {
    try arguments.ranks.perform(checkpoint: arguments.checkpoint, perform)
  }

  private func perform(_ communicator: (any Communicator)?) throws -> ExitStatus {
    guard let path = arguments.data else {
      throw Failure("--data: tune needs training data; see --help")
    }
    if !force {
      try checkKeepsInputs(
        arguments.outputs + [stepLosses, preparation.showAugmented],
        [self.model, path, weights],
        unless: "--force")
    }
    let model = try startingModel()
    let inputs = try Session(model.model).inputs
    guard inputs.count == 1, let input = inputs.first else {
      throw Failure(
        "\(self.model): expected a model with one input, got \(inputs.count): "
          + inputs.map(\.name).joined(separator: ", "))
    }
    var options = TrainingOptions()
    step.apply(to: &options)
    options.output = lossOutput
    options.optimizer = optimizer.optimizer
    options.frozen = freeze
    options.trained = headOnly ? model.head : trainOnly
    arguments.gradients.apply(to: &options)
    let normalization = try self.normalization.normalization(orStatedIn: model.model.metadata)
    let reader = PictureReader(normalization)
    let data = try data(path, input, reader)
    var settings = TrainingLoop.Settings()
    settings.epochs = 5
    settings.rate = plain ? .constant(1e-3) : .oneCycle(peak: 1e-3)
    var recipe = Recipe(
      model: model.model, options: options, settings: settings, training: data.training,
      validation: data.validation, test: data.test,
      measure: step.loss == .crossEntropy ? .accuracy : .loss)
    recipe.keepBest()
    if step.loss == .crossEntropy {
      (recipe.labels, recipe.classNames) = (data.labels, data.classNames)
      if replaceHead != nil || data.classNames != nil { recipe.noteClassNames() }
    }
    recipe.augmented = data.augmented
    if self.normalization.isAny {
      recipe.model.metadata = normalization.stated(in: recipe.model.metadata)
    }
    arguments.apply(to: &recipe)
    try preparation.apply(to: &recipe)
    recipe.settings.configuration = configuration(recipe)
    return try TrainingRun(
      recipe: recipe, arguments: arguments, reader: reader, sheet: preparation.showAugmented,
      stepLosses: stepLosses, hintsHead: replaceHead == nil, communicator: communicator
    ).perform()
  }

  /// Everything that must not change between a checkpoint and its resume.
  private func configuration(_ recipe: Recipe) -> String {
    var text =
      "tune \(model) seed \(arguments.seed) batches \(recipe.training.batchCount) "
      + "rate \(recipe.settings.rate) \(optimizer.rawValue) \(step.loss.rawValue) "
      + "accumulate \(arguments.gradients.accumulate) freeze \(freeze.joined(separator: " "))"
      + preparation.text
      + arguments.ranks.text
    if !trainOnly.isEmpty { text += " train only \(trainOnly.joined(separator: " "))" }
    if headOnly { text += " head only" }
    let stated: [(String, String?)] = [
      ("clip norm", arguments.gradients.clipNorm.map { "\($0)" }),
      ("batch", arguments.batch.map(String.init)),
      ("loss output", lossOutput), ("plain", plain ? "order" : nil), ("weights of", weights),
      ("classes", replaceHead.map(String.init)), ("test", testShare.map { "\($0)" }),
    ]
    for case (let name, let value?) in stated { text += " \(name) \(value)" }
    if let label = step.ignoreLabel { text += " ignored \(label)" }
    if normalization.isAny {
      text +=
        " mean \(normalization.mean ?? "0") scale \(normalization.scale ?? "1") "
        + "std \(normalization.std ?? "1")"
    }
    return text
  }

  /// The model with the weights of `--weights` and the new head, and the names of the head's
  /// parameters.
  private func startingModel() throws -> (model: Model, head: [String]) {
    var model = try readModel(self.model, reading)
    if let weights { model = try binding(weights, to: model) }
    guard let replaceHead else { return (model, []) }
    do {
      let (replaced, head) = try model.replacingHeadParameters(
        classes: replaceHead, seed: arguments.seed)
      return (replaced, head)
    } catch { throw Failure(self.model, error) }
  }
}
