import ArgumentParser
import ONNX
import ONNXImages
import ToolSupport

/// Continues the training of a model from a file.
struct TuneCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune", abstract: "Continue the training of a model from an ONNX file.",
    discussion: """
      --data is a folder with MNIST's IDX files, a folder with a subfolder of pictures for each \
      class, or a .npz file with arrays x and y and, optionally, test_x and test_y. Without them, \
      the result is that on the training data, unless --test-share sets examples aside.

      The graph of the model does not change, except by --replace-head: Dropout and \
      BatchNormalization are in training mode during training only.
      """)

  @Argument(help: "The ONNX file; - stands for standard input.")
  var model: String

  @OptionGroup var arguments: TrainingArguments

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Do not train the initializers whose names, or names in PyTorch, match. * matches any text, ? any character.",
      valueName: "pattern"))
  var freeze: [String] = []

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
    parsing: .unconditional, help: "The number of batches whose mean gradient makes one step.")
  var accumulate = 1

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
    guard (1...1_000_000).contains(accumulate) else {
      throw ValidationError("--accumulate: expected at least 1, got \(accumulate)")
    }
  }

  func perform() throws -> ExitStatus {
    guard let path = arguments.data else {
      throw Failure("--data: tune needs training data; see --help")
    }
    if !force {
      try checkKeepsInputs(
        [arguments.output, arguments.checkpoint, stepLosses], [self.model, path],
        unless: "--force")
    }
    var model = try readModel(self.model, reading)
    if let replaceHead {
      do { model = try model.replacingHead(classes: replaceHead, seed: arguments.seed) } catch {
        throw Failure(self.model, error)
      }
    }
    let inputs = try Session(model).inputs
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
    options.accumulation = accumulate
    let (training, test) = try batches(path, input)
    var settings = TrainingLoop.Settings()
    settings.epochs = 5
    settings.rate = plain ? .constant(1e-3) : .oneCycle(peak: 1e-3)
    var recipe = Recipe(
      model: model, options: options, settings: settings, training: training, test: test,
      measure: step.loss == .crossEntropy ? .accuracy : .loss)
    arguments.apply(to: &recipe)
    recipe.settings.configuration =
      "tune \(self.model) seed \(arguments.seed) epochs \(recipe.settings.epochs) "
      + "batches \(training.batchCount) rate \(recipe.settings.rate) \(optimizer.rawValue) "
      + "\(step.loss.rawValue) accumulate \(accumulate) freeze \(freeze.joined(separator: " "))"
    return try TrainingRun(recipe: recipe, arguments: arguments, stepLosses: stepLosses).perform()
  }

  private func batches(
    _ path: String, _ input: ValueInfo
  ) throws -> (any BatchSource, (any BatchSource)?) {
    let fixed = input.type?.tensorType?.shape?.first?.size
    if let fixed, let batch = arguments.batch, batch != fixed {
      throw Failure(
        "--batch: the model's input '\(input.name)' has a fixed batch size of \(fixed); "
          + "use --accumulate for larger steps")
    }
    let size = fixed ?? arguments.batch ?? 64
    let testSize = fixed ?? 500
    let seed = plain ? nil : arguments.seed
    if path.hasSuffix(".npz") {
      let table = try ArrayFiles.read(path)
      let names = ["features": input.name, "labels": Loss.labels]
      var training: any ExampleSource = table
      var test: (any ExampleSource)? = try ArrayFiles.readPart(path, "test_")
      if let testShare {
        guard test == nil else {
          throw Failure("--test-share: \(path) has the test data 'test_x' and 'test_y'")
        }
        let (rest, part) = table.split(share: testShare, seed: arguments.seed)
        guard rest.count > 0, part.count > 0 else {
          throw Failure(
            "--test-share \(testShare): expected at least 1 example on each side of "
              + "\(table.count), got \(rest.count) and \(part.count)")
        }
        (training, test) = (rest, part)
      }
      return (
        training.batches(size: size, seed: seed, dropsRest: fixed != nil).renamed(names),
        test?.batches(size: testSize, seed: nil, dropsRest: fixed != nil).renamed(names)
      )
    }
    guard testShare == nil else {
      throw Failure("--test-share: expected an .npz file as --data, got \(path)")
    }
    let shape = input.type?.tensorType?.shape?.dimensions.dropFirst().map(\.size)
    let sizes = shape?.count == 3 ? shape?.compactMap { $0 } : nil
    let data = try PictureData(
      path, seed: arguments.seed, classCount: replaceHead,
      sizes: sizes?.count == 3 ? sizes : nil, decode: { try Tensor(pictureAt: $0, sizes: $1) })
    if let sizes, sizes.count == 3, sizes != data.sizes {
      throw Failure(
        "\(path): the pictures have the shape \(data.sizes), but the model's input "
          + "'\(input.name)' expects \(sizes)")
    }
    return (
      data.batches(
        data.training, size: size, seed: seed, input: input.name, dropsRest: fixed != nil),
      data.batches(
        data.test, size: testSize, seed: nil, input: input.name, dropsRest: fixed != nil)
    )
  }
}
