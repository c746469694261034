import ArgumentParser
import ONNX
import ToolSupport

/// Goes on training a model that somebody made.
struct TuneCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune", abstract: "Goes on training a model from a file, and writes it back.",
    discussion: """
      --data is a folder with MNIST's IDX files, a folder of folders of pictures, one for each
      class, or .npz with x and y (and test_x and test_y). What is exported has the graph of the
      model; Dropout and BatchNormalization are in training mode while it learns only.
      """)

  @Argument(help: "The ONNX file to begin with.")
  var model: String

  @OptionGroup var arguments: TrainingArguments

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Initializers that stay as they are; * and ? stand for any text.",
      valueName: "pattern"))
  var freeze: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Put a new last layer in place of the model's, for so many classes.",
      valueName: "classes"))
  var replaceHead: Int?

  @Option(
    parsing: .unconditional, help: "cross-entropy, mse or bce.")
  var loss = LossName.crossEntropy

  @Option(
    parsing: .unconditional,
    help: "sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam or adamw.")
  var optimizer = OptimizerName.adam

  @Option(parsing: .unconditional, help: "Largest norm of all gradients together.")
  var clipNorm: Double?

  @Option(parsing: .unconditional, help: "Batches whose gradients make one step.")
  var accumulate = 1

  @Option(
    parsing: .unconditional, help: "The output that the loss looks at. (default: the first)")
  var lossOutput: String?

  @Flag(help: "Take the data in the order they lie in, at a constant rate.")
  var plain = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write the loss of every step.", valueName: "file.csv"))
  var stepLosses: String?

  enum LossName: String, ExpressibleByArgument, CaseIterable {
    case crossEntropy = "cross-entropy"
    case mse, bce

    var loss: Loss {
      switch self {
      case .crossEntropy: .crossEntropy
      case .mse: .meanSquaredError
      case .bce: .binaryCrossEntropy
      }
    }
  }

  func validate() throws {
    if let replaceHead, !(1...1_000_000).contains(replaceHead) {
      throw ValidationError("--replace-head: expected at least 1, got \(replaceHead)")
    }
    if let clipNorm, !(clipNorm > 0) {
      throw ValidationError("--clip-norm: expected more than 0, got \(clipNorm)")
    }
    guard (1...1_000_000).contains(accumulate) else {
      throw ValidationError("--accumulate: expected at least 1, got \(accumulate)")
    }
  }

  func perform() throws -> ExitStatus {
    let path = try arguments.requiredData("tune")
    var model = try readModel(self.model)
    if let replaceHead {
      do { model = try model.replacingHead(classes: replaceHead, seed: arguments.seed) } catch {
        throw Failure(self.model, error)
      }
    }
    let inputs = try Session(model).inputs
    guard inputs.count == 1, let input = inputs.first else {
      throw Failure(
        "\(self.model): expected one input, it has \(inputs.map(\.name).joined(separator: ", "))")
    }
    var options = TrainingOptions()
    options.loss = loss.loss
    options.output = lossOutput
    options.optimizer = optimizer.optimizer
    options.frozen = freeze
    options.clipNorm = clipNorm
    options.accumulation = accumulate
    let (training, test) = try batches(path, input)
    var settings = TrainingSettings()
    settings.epochs = 5
    settings.rate = plain ? .constant(1e-3) : .oneCycle(peak: 1e-3)
    var recipe = Recipe(
      model: model, options: options, settings: settings, training: training, test: test,
      measure: loss == .crossEntropy ? .accuracy : .loss)
    arguments.apply(to: &recipe)
    recipe.settings.configuration =
      "tune \(self.model) seed \(arguments.seed) epochs \(recipe.settings.epochs) "
      + "batches \(training.batchCount) rate \(recipe.settings.rate) \(optimizer.rawValue) "
      + "\(loss.rawValue) accumulate \(accumulate) freeze \(freeze.joined(separator: " "))"
    return try TrainingRun(recipe: recipe, arguments: arguments, stepLosses: stepLosses).perform()
  }

  private func batches(
    _ path: String, _ input: ValueInfo
  ) throws -> (any BatchSource, any BatchSource) {
    let fixed = input.type?.tensorType?.shape?.first?.size
    if let fixed, let batch = arguments.batch, batch != fixed {
      throw Failure(
        "--batch: '\(input.name)' takes \(fixed) examples; --accumulate makes a step of more")
    }
    let size = fixed ?? arguments.batch ?? 64
    let testSize = fixed ?? 500
    let seed = plain ? nil : arguments.seed
    if path.hasSuffix(".npz") {
      let table = try ArrayFiles.read(path)
      let names = ["features": input.name, "labels": Loss.labels]
      let test = (try? ArrayFiles.read(path, part: "test_")) ?? table
      return (
        table.batches(size: size, seed: seed, dropsRest: fixed != nil).renamed(names),
        test.batches(size: testSize, seed: nil, dropsRest: fixed != nil).renamed(names)
      )
    }
    let shape = input.type?.tensorType?.shape?.dimensions.dropFirst().map(\.size)
    let sizes = shape?.count == 3 ? shape?.compactMap { $0 } : nil
    let data = try PictureData(
      path, seed: arguments.seed, classCount: replaceHead,
      sizes: sizes?.count == 3 ? sizes : nil)
    if let sizes, sizes.count == 3, sizes != data.sizes {
      throw Failure("\(path): holds pictures \(data.sizes), '\(input.name)' takes \(sizes)")
    }
    return (
      data.batches(
        data.training, size: size, seed: seed, input: input.name, dropsRest: fixed != nil),
      data.batches(
        data.test, size: testSize, seed: nil, input: input.name, dropsRest: fixed != nil)
    )
  }
}

/// An optimiser by its name on the command line.
enum OptimizerName: String, ExpressibleByArgument, CaseIterable {
  case sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamw

  var optimizer: any Optimizer {
    switch self {
    case .sgd: SGD()
    case .momentum: SGD(momentum: 0.9)
    case .nesterov: SGD(momentum: 0.9, nesterov: true)
    case .adagrad: Adagrad()
    case .adadelta: Adadelta()
    case .rmsprop: RMSProp()
    case .adam: Adam()
    case .adamw: Adam.adamW()
    }
  }
}
