import ArgumentParser
import ONNX
import ToolSupport

/// Trains a model from scratch.
struct NewCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Trains a model from scratch.",
    discussion: """
      Pictures (mlp, lenet5, resnet-small, autoencoder): a folder with MNIST's IDX files, gzipped or
      not; a folder of folders of .png or .jpg, one for each class; .npz with x and y.
      Characters and words (char-rnn, char-lstm, char-gru, word-lstm): a text file.
      Sentences (text-cnn, bilstm): a folder with *.pos and *.neg, a sentence a line.
      The others make their own data: seq2seq, caption, forecast, parity, adding.

      The last line on standard output says how good the model is on data it was not trained on.
      """)

  @Argument(help: "What to train.")
  var kind: Kind

  @OptionGroup var arguments: TrainingArguments
  @OptionGroup var sizes: SizeArguments

  typealias Kind = ArchitectureName

  func perform() throws -> ExitStatus {
    var recipe = try makeRecipe()
    arguments.apply(to: &recipe)
    recipe.settings.configuration =
      "new \(kind.rawValue) seed \(arguments.seed) epochs \(recipe.settings.epochs) "
      + "batches \(recipe.training.batchCount) rate \(recipe.settings.rate) \(sizes.text)"
    return try TrainingRun(recipe: recipe, arguments: arguments).perform()
  }

  private func makeRecipe() throws -> Recipe {
    switch kind {
    case .mlp, .lenet5, .resnetSmall, .autoencoder: try pictureRecipe(kind, arguments, sizes)
    case .charRNN, .charLSTM, .charGRU, .wordLSTM: try languageRecipe(kind, arguments, sizes)
    case .textCNN, .bilstm: try sentenceRecipe(kind, arguments, sizes)
    case .parity, .adding, .forecast: try sequenceRecipe(kind, arguments, sizes)
    case .seq2seq, .caption: try decoderRecipe(kind, arguments, sizes)
    }
  }
}

/// What the models of `onnx-train new` leave open.
struct SizeArguments: ParsableArguments {
  @Option(parsing: .unconditional, help: "Units of a hidden layer.")
  var hidden: Int?

  @Option(
    parsing: .unconditional, help: "Numbers of a token's embedding; 0 for one-hot vectors.")
  var embedding: Int?

  @Option(parsing: .unconditional, help: "Recurrent layers.")
  var layers: Int?

  @Option(parsing: .unconditional, help: "Steps of a window of text, or of a sequence.")
  var steps: Int?

  @Option(parsing: .unconditional, help: "What is recurrent, where that is open: rnn, lstm or gru.")
  var cell: String?

  @Option(
    parsing: .unconditional, help: "The fold of ten that is kept for the test, 0 to 9.")
  var fold: Int?

  func validate() throws {
    for (name, value) in [("--hidden", hidden), ("--layers", layers), ("--steps", steps)] {
      if let value, !(1...100_000).contains(value) {
        throw ValidationError("\(name): expected 1 to 100000, got \(value)")
      }
    }
    if let embedding, !(0...100_000).contains(embedding) {
      throw ValidationError("--embedding: expected 0 to 100000, got \(embedding)")
    }
    if let cell, !["rnn", "lstm", "gru"].contains(cell) {
      throw ValidationError("--cell: expected rnn, lstm or gru, got '\(cell)'")
    }
    if let fold, !(0...9).contains(fold) {
      throw ValidationError("--fold: expected 0 to 9, got \(fold)")
    }
  }

  /// The sizes that were stated, for a checkpoint's settings.
  var text: String {
    let stated: [(String, String?)] = [
      ("hidden", hidden.map(String.init)), ("layers", layers.map(String.init)),
      ("embedding", embedding.map(String.init)),
      ("steps", steps.map(String.init)), ("cell", cell), ("fold", fold.map(String.init)),
    ]
    return stated.compactMap { name, value in value.map { "\(name) \($0)" } }
      .joined(separator: " ")
  }
}

extension TrainingArguments {
  /// The data's path.
  /// - Throws: `Failure` where none is stated
  func requiredData(_ kind: String) throws(Failure) -> String {
    guard let data else { throw Failure("--data: \(kind) needs data; see --help") }
    return data
  }
}

extension ArchitectureName: ExpressibleByArgument {}
