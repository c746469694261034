import ArgumentParser
import ONNX
import ToolSupport

/// Trains a model from scratch.
struct NewCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Train a model from scratch.",
    discussion: """
      DATA:
        mlp, lenet5, resnet-small, autoencoder, rbm, dbn, alexnet, zfnet, vgg11,
        vgg16, vgg19, googlenet, resnet18, resnet50: pictures, which are
          a folder with MNIST's four IDX files, gzipped or not,
          a folder with a subfolder of .png, .jpg, .bmp, .webp or .tif files
          for each class, of which a tenth are for testing, or with such
          folders as train/ and test/ or validation/, or
          a .npz file with arrays x and y, and, optionally, validation_x,
          validation_y, test_x and test_y
        char-rnn, char-lstm, char-gru, word-lstm: a text file
        text-cnn, bilstm: a folder with *.pos and *.neg, one sentence per line
        sound-cnn, sound-gru: a folder with a subfolder of .wav files for each
          class, as in Speech Commands; without --data they make sounds
        tagger: a file with a word and its tag on each line, the last column,
          and an empty line after each sentence; a .conllu file; or a folder of
          such files named *train*, *dev* or *valid*, *test*; without --data it
          makes sentences
        seq2seq, caption, forecast, parity, adding: none, they generate it

      DEFAULTS:                     epochs batch  rate schedule   optimiser
        mlp, autoencoder                20    64  2e-3 one cycle  Adam
        lenet5                          20    64  3e-3 one cycle  Adam
        resnet-small                    10    64   0.1 one cycle  SGD, momentum 0.9
        alexnet to resnet50              3    64  1e-3 one cycle  Adam
        rbm                             10   100  0.05 triangle   SGD, momentum 0.9
        dbn                             15   100  1e-3 one cycle  Adam
        char-rnn                        20    50  2e-3 one cycle  Adam
        char-lstm, char-gru, word-lstm  20    50  5e-3 one cycle  Adam
        text-cnn                         5    50  1e-3 constant   Adam
        bilstm                           8    50  1e-3 constant   Adam
        sound-cnn, sound-gru            10    32  5e-3 one cycle  Adam
        tagger                           5    32  1e-2 one cycle  Adam
        seq2seq, caption                10    64  5e-3 one cycle  Adam
        parity                          20    64  1e-2 one cycle  Adam
        adding                          20    64  2e-3 one cycle  Adam
        forecast                        20    64  5e-3 one cycle  Adam

      dbn pretrains each layer like rbm, for 8 epochs, and tagger trains on --data for 20. One \
      cycle rises to the rate over 30 % of the epochs and falls to almost 0.

      alexnet to resnet50 have the sizes of their papers for pictures of 224 x 224 \
      pixels and 1000 classes. For pictures of fewer than 64 pixels along a side, the \
      first convolution has a window of 3 x 3 and no stride, the pool after it is left \
      out, and --width is 0.125.

      The last line on standard output is the model's result on data that it was not trained on. The \
      test data is not looked at before the end. A classifier's confusion matrix is written next to \
      the model.
      """)

  @Argument(help: "The architecture.")
  var architecture: ArchitectureName

  @OptionGroup var arguments: TrainingArguments
  @OptionGroup var preparation: DataArguments
  @OptionGroup var sizes: SizeArguments

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "A new folder to write the generated sounds to, a subfolder of .wav files for each class.",
      valueName: "folder"))
  var samples: String?

  func perform() throws -> ExitStatus {
    try arguments.ranks.perform(checkpoint: arguments.checkpoint, perform)
  }

  private func perform(_ communicator: (any Communicator)?) throws -> ExitStatus {
    if architecture.needsData, arguments.data == nil {
      throw Failure("--data: \(architecture.rawValue) needs training data; see --help")
    }
    try sizes.check(for: architecture)
    let isSound = architecture == .soundCNN || architecture == .soundGRU
    if arguments.data != nil, !architecture.needsData, !isSound, architecture != .tagger {
      throw Failure("--data: \(architecture.rawValue) generates its data")
    }
    if sizes.seconds != nil, !isSound || arguments.data == nil {
      throw Failure("--seconds: only sound-cnn and sound-gru with --data have a choice")
    }
    if samples != nil, !isSound || arguments.data != nil {
      throw Failure("--samples: only sound-cnn and sound-gru without --data generate sounds")
    }
    try checkKeepsInputs(
      arguments.outputs + [preparation.showAugmented], [arguments.data], unless: nil)
    try preparation.check(architecture)
    let reader = PictureReader()
    var options = sizes.options(arguments, reader)
    options.validationShare = preparation.validationShare
    options.size = try preparation.heightAndWidth
    options.augmentation = try preparation.augmentation
    var recipe = try architecture.recipe(options)
    arguments.gradients.apply(to: &recipe.options)
    arguments.apply(to: &recipe)
    try preparation.apply(to: &recipe)
    if let samples, communicator?.rank ?? 0 == 0 { try recipe.sounds?.write(to: samples) }
    let configuration =
      "new \(architecture.rawValue) seed \(arguments.seed) batches \(recipe.training.batchCount) "
      + "rate \(recipe.settings.rate) \(sizes.text)\(preparation.text)"
      + (arguments.batch.map { " batch \($0)" } ?? "")
      + arguments.gradients.text + arguments.ranks.text
    recipe.settings.configuration = configuration
    for index in recipe.pretraining.indices {
      arguments.applyToRun(&recipe.pretraining[index])
      recipe.pretraining[index].settings.configuration =
        configuration + " pretraining \(index + 1)"
    }
    return try TrainingRun(
      recipe: recipe, arguments: arguments, reader: reader, sheet: preparation.showAugmented,
      communicator: communicator
    ).perform()
  }
}

/// The adjustable sizes of the architectures.
struct SizeArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The units of a hidden layer; a list such as 500,500,2000 for those of mlp and dbn.",
      valueName: "units"))
  var hidden: UnitCounts?

  @Option(
    parsing: .unconditional, help: "The steps of Gibbs sampling of rbm and dbn. (default: 1)")
  var gibbsSteps: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The epochs of pretraining of each layer of dbn, before --epochs of fine-tuning; 0 for none. (default: 8)",
      valueName: "epochs"))
  var pretrain: Int?

  @Option(
    parsing: .unconditional,
    help: "The factor of the filters and units of alexnet to resnet50. (default: 0.125 or 1)")
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
    help: "The length of the sounds of --data, which are cut or followed by silence. (default: 1)")
  var seconds: Double?

  @Option(
    parsing: .unconditional,
    help: "The fold of ten that is the test data of text-cnn and bilstm, 0 to 9.")
  var fold: Int?

  @Flag(help: "Let tagger choose each tag by itself, without a conditional random field.")
  var noCrf = false

  func validate() throws {
    for (name, value) in [
      ("--gibbs-steps", gibbsSteps), ("--layers", layers), ("--steps", steps),
    ] {
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
    if let seconds, !(seconds > 0 && seconds <= 1000) {
      throw ValidationError("--seconds: expected more than 0 and at most 1000, got \(seconds)")
    }
    if let pretrain, !(0...100_000).contains(pretrain) {
      throw ValidationError("--pretrain: expected 0 to 100000, got \(pretrain)")
    }
    if let fold, !(0...9).contains(fold) {
      throw ValidationError("--fold: expected 0 to 9, got \(fold)")
    }
  }

  /// Checks that the options which only some architectures have apply to one.
  /// - Throws: `Failure`
  func check(for architecture: ArchitectureName) throws {
    let isLanguage = [.charRNN, .charLSTM, .charGRU, .wordLSTM].contains(architecture)
    let hasWords = [.textCNN, .bilstm, .tagger].contains(architecture)
    let hasCell = [.parity, .adding].contains(architecture)
    let hasHidden: [ArchitectureName] = [
      .mlp, .rbm, .dbn, .soundGRU, .bilstm, .tagger, .forecast, .seq2seq, .caption,
    ]
    for (name, isGiven, applies) in [
      ("--hidden", hidden != nil, isLanguage || hasCell || hasHidden.contains(architecture)),
      ("--layers", layers != nil, isLanguage || architecture == .forecast),
      ("--steps", steps != nil, isLanguage || [.adding, .forecast].contains(architecture)),
      ("--embedding", embedding != nil, isLanguage || hasWords),
      ("--embedding 0", embedding == 0, isLanguage),
      ("--cell", cell != nil, hasCell),
      ("--fold", fold != nil, [.textCNN, .bilstm].contains(architecture)),
      ("--gibbs-steps", gibbsSteps != nil, architecture == .rbm || architecture == .dbn),
      ("--pretrain", pretrain != nil, architecture == .dbn),
      ("--width", width != nil, architecture.classicNetwork != nil),
      ("--pool", pool != nil, architecture == .lenet5),
      ("--local", local, architecture == .lenet5),
      ("--no-crf", noCrf, architecture == .tagger),
    ] where isGiven && !applies {
      throw Failure("\(name) does not apply to \(architecture.rawValue); see --help")
    }
    if let count = hidden?.counts.count, count > 1, architecture != .mlp, architecture != .dbn {
      throw Failure("--hidden: \(architecture.rawValue) takes a single number, got \(count)")
    }
  }

  /// The options of a recipe.
  func options(_ arguments: TrainingArguments, _ reader: PictureReader) -> RecipeOptions {
    var options = RecipeOptions(decode: { try reader.read($0, $1) })
    options.data = arguments.data
    options.seed = arguments.seed
    options.batch = arguments.batch
    options.hiddenLayers = hidden?.counts
    options.gibbsSteps = gibbsSteps
    options.pretraining = pretrain
    options.width = width
    options.pool = pool
    options.isLocal = local
    options.embedding = embedding
    options.layers = layers
    options.steps = steps
    options.cell = cell
    options.seconds = seconds
    options.fold = fold
    options.hasChain = !noCrf
    return options
  }

  /// The given sizes, for the configuration of a checkpoint.
  var text: String {
    let stated: [(String, String?)] = [
      ("hidden", hidden?.text), ("gibbs-steps", gibbsSteps.map(String.init)),
      ("pretrain", pretrain.map(String.init)), ("width", width.map { "\($0)" }),
      ("pool", pool?.rawValue), ("local", local ? "true" : nil),
      ("layers", layers.map(String.init)),
      ("embedding", embedding.map(String.init)),
      ("steps", steps.map(String.init)), ("cell", cell?.rawValue),
      ("seconds", seconds.map { "\($0)" }), ("fold", fold.map(String.init)),
      ("without", noCrf ? "crf" : nil),
    ]
    return stated.compactMap { name, value in value.map { "\(name) \($0)" } }
      .joined(separator: " ")
  }
}

/// The units of one or more hidden layers, as in `500,500,2000`.
struct UnitCounts: ExpressibleByArgument {
  let counts: [Int]
  var text: String { counts.map(String.init).joined(separator: ",") }

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    counts = parts.compactMap { $0 }
    guard parts.count == counts.count, counts.count <= 100,
      counts.allSatisfy({ (1...100_000).contains($0) })
    else { return nil }
  }
}

extension ArchitectureName: ExpressibleByArgument {}
extension RecurrentKind: ExpressibleByArgument {}
extension LeNetPool: ExpressibleByArgument {}
