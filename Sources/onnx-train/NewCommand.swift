import ArgumentParser
import ONNX
import ONNXImages
import ToolSupport

/// Trains a model from scratch.
struct NewCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Train a model from scratch.",
    discussion: """
      DATA:
        mlp, lenet5, resnet-small, autoencoder, alexnet, zfnet, vgg11, vgg16, vgg19,
        googlenet, resnet18, resnet50: pictures, which are
          a folder with MNIST's four IDX files, gzipped or not,
          a folder with a subfolder of .png or .jpg files for each class, or
          a .npz file with arrays x and y
        char-rnn, char-lstm, char-gru, word-lstm: a text file
        text-cnn, bilstm: a folder with *.pos and *.neg, one sentence per line
        seq2seq, caption, forecast, parity, adding: none, they generate it

      alexnet to resnet50 have the sizes of their papers for pictures of 224 x 224 pixels and 1000
      classes. For pictures of fewer than 64 pixels along a side, the first convolution has a
      window of 3 x 3 and no stride, the pool after it is left out, and --width is 0.25.

      The last line on standard output is the model's result on data that it was not trained on.
      """)

  @Argument(help: "The architecture.")
  var architecture: ArchitectureName

  @OptionGroup var arguments: TrainingArguments
  @OptionGroup var sizes: SizeArguments

  func perform() throws -> ExitStatus {
    if architecture.needsData, arguments.data == nil {
      throw Failure("--data: \(architecture.rawValue) needs training data; see --help")
    }
    for (name, isGiven, applies) in [
      ("--width", sizes.width != nil, architecture.classicNetwork != nil),
      ("--pool", sizes.pool != nil, architecture == .lenet5),
      ("--local", sizes.local, architecture == .lenet5),
    ] where isGiven && !applies {
      throw Failure("\(name) does not apply to \(architecture.rawValue); see --help")
    }
    try checkKeepsInputs(
      [arguments.output, arguments.checkpoint], [arguments.data], unless: nil)
    var recipe = try architecture.recipe(sizes.options(arguments))
    arguments.apply(to: &recipe)
    recipe.settings.configuration =
      "new \(architecture.rawValue) seed \(arguments.seed) epochs \(recipe.settings.epochs) "
      + "batches \(recipe.training.batchCount) rate \(recipe.settings.rate) \(sizes.text)"
    return try TrainingRun(recipe: recipe, arguments: arguments).perform()
  }
}

/// The adjustable sizes of the architectures.
struct SizeArguments: ParsableArguments {
  @Option(parsing: .unconditional, help: "The units of a hidden layer.")
  var hidden: Int?

  @Option(
    parsing: .unconditional,
    help: "The factor of the filters and units of alexnet to resnet50, such as 0.25.")
  var width: Double?

  @Option(parsing: .unconditional, help: "The pools of lenet5; those of 3 x 3 cells overlap.")
  var pool: LeNetPool?

  @Flag(help: "Give each window of lenet5's convolutions its own weights.")
  var local = false

  @Option(
    parsing: .unconditional, help: "The size of a token's embedding; 0 for one-hot vectors.")
  var embedding: Int?

  @Option(parsing: .unconditional, help: "The number of recurrent layers.")
  var layers: Int?

  @Option(parsing: .unconditional, help: "The length of a sequence or of a window of text.")
  var steps: Int?

  @Option(parsing: .unconditional, help: "The recurrent layer of parity and adding.")
  var cell: RecurrentKind?

  @Option(
    parsing: .unconditional,
    help: "The fold of ten that is the test data of text-cnn and bilstm, 0 to 9.")
  var fold: Int?

  func validate() throws {
    for (name, value) in [("--hidden", hidden), ("--layers", layers), ("--steps", steps)] {
      if let value, !(1...100_000).contains(value) {
        throw ValidationError("\(name): expected 1 to 100000, got \(value)")
      }
    }
    if let width, !(width >= 0.01 && width <= 10) {
      throw ValidationError("--width: expected 0.01 to 10, got \(width)")
    }
    if let embedding, !(0...100_000).contains(embedding) {
      throw ValidationError("--embedding: expected 0 to 100000, got \(embedding)")
    }
    if let fold, !(0...9).contains(fold) {
      throw ValidationError("--fold: expected 0 to 9, got \(fold)")
    }
  }

  /// The options of a recipe.
  func options(_ arguments: TrainingArguments) -> RecipeOptions {
    var options = RecipeOptions(decode: { try Tensor(pictureAt: $0, sizes: $1) })
    options.data = arguments.data
    options.seed = arguments.seed
    options.batch = arguments.batch
    options.hidden = hidden
    options.width = width
    options.pool = pool
    options.isLocal = local
    options.embedding = embedding
    options.layers = layers
    options.steps = steps
    options.cell = cell
    options.fold = fold
    return options
  }

  /// The given sizes, for the configuration of a checkpoint.
  var text: String {
    let stated: [(String, String?)] = [
      ("hidden", hidden.map(String.init)), ("width", width.map { "\($0)" }),
      ("pool", pool?.rawValue), ("local", local ? "true" : nil),
      ("layers", layers.map(String.init)),
      ("embedding", embedding.map(String.init)),
      ("steps", steps.map(String.init)), ("cell", cell?.rawValue),
      ("fold", fold.map(String.init)),
    ]
    return stated.compactMap { name, value in value.map { "\(name) \($0)" } }
      .joined(separator: " ")
  }
}

extension Tensor {
  /// Reads a picture, `[C, H, W]` from 0 to 1.
  /// - Parameter sizes: The channels, height and width to convert the picture to; `nil` for its own,
  ///   without transparency.
  init(pictureAt path: String, sizes: [Int]?) throws {
    let image = try Image(contentsOf: path)
    let sizes = sizes ?? [image.channels == 1 ? 1 : 3, image.height, image.width]
    self = try image.tensor(channels: sizes[0], height: sizes[1], width: sizes[2])
      .reshaped(to: sizes)
  }
}

extension ArchitectureName: ExpressibleByArgument {}
extension RecurrentKind: ExpressibleByArgument {}
extension LeNetPool: ExpressibleByArgument {}
