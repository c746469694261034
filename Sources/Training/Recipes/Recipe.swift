import ONNXFormat

/// A complete description of a training run: the model, the data, and the options.
package struct Recipe {
  package var model: Model
  package var options = TrainingOptions()
  package var settings = TrainingLoop.Settings()
  package var training: any BatchSource
  package var validation: (any BatchSource)?
  /// The data of the final evaluation; `nil` for the validation data.
  package var test: (any BatchSource)?
  package var measure: Measure
  /// Computes the accuracy of the final evaluation, if it is not that of single labels.
  package var judge: ((Model) throws -> Double)?
  package var illustration: Illustration?

  package init(
    model: Model, options: TrainingOptions = .init(), settings: TrainingLoop.Settings,
    training: any BatchSource, validation: (any BatchSource)? = nil,
    test: (any BatchSource)? = nil, measure: Measure,
    judge: ((Model) throws -> Double)? = nil, illustration: Illustration? = nil
  ) {
    self.model = model
    self.options = options
    self.settings = settings
    self.training = training
    self.validation = validation
    self.test = test
    self.measure = measure
    self.judge = judge
    self.illustration = illustration
  }

  /// The figure that describes a trained model.
  package enum Measure: Sendable {
    case accuracy, loss, perplexity
  }

  /// The data of a plot or picture that illustrates a trained model.
  package enum Illustration {
    /// Pictures for an autoencoder, `[N, C, H, W]`.
    case reconstructions(Tensor)
    /// A series for a forecaster.
    case forecast(ForecastTask)
    /// Sequences by which the model's output is differentiated, before and after training.
    case gradientNorms(before: Model, sequences: Tensor, input: String)
  }
}

/// The options of the built-in recipes; `nil` for a recipe's default.
package struct RecipeOptions: Sendable {
  /// The path of the data.
  package var data: String?
  package var seed: UInt64 = 1
  /// The number of examples, or streams of text, in a batch.
  package var batch: Int?
  package var hidden: Int?
  /// The size of a token's embedding; 0 for one-hot vectors.
  package var embedding: Int?
  /// The factor of the filters and units of a classic network.
  package var width: Double?
  /// The pools of a LeNet-5.
  package var pool: LeNetPool?
  /// Whether the convolutions of a LeNet-5 do not share weights.
  package var isLocal = false
  /// The number of recurrent layers.
  package var layers: Int?
  /// The length of a sequence or of a window of text.
  package var steps: Int?
  package var cell: RecurrentKind?
  /// The fold of ten that is the test data, 0 to 9.
  package var fold: Int?
  /// Reads a picture file.
  package var decode: PictureData.Decoder

  package init(decode: @escaping PictureData.Decoder) { self.decode = decode }

  /// The path of the data.
  /// - Throws: `DataError` if there is none.
  func requiredData() throws(DataError) -> String {
    guard let data else { throw DataError("expected a path to the training data, got none") }
    return data
  }
}

extension ArchitectureName {
  /// Whether the recipe reads data; the others generate their own.
  package var needsData: Bool {
    switch self {
    case .mlp, .lenet5, .resnetSmall, .alexnet, .zfnet, .vgg11, .vgg16, .vgg19, .googlenet,
      .resnet18, .resnet50, .autoencoder, .charRNN, .charLSTM, .charGRU, .wordLSTM,
      .textCNN, .bilstm:
      true
    case .seq2seq, .caption, .forecast, .parity, .adding: false
    }
  }

  /// The recipe for an architecture.
  /// - Throws: `DataError` if the data cannot be read, `ModelError` if a size is out of range.
  package func recipe(_ options: RecipeOptions) throws -> Recipe {
    switch self {
    case .mlp, .lenet5, .resnetSmall, .autoencoder: try .pictures(self, options)
    case .alexnet, .zfnet, .vgg11, .vgg16, .vgg19, .googlenet, .resnet18, .resnet50:
      try .pictures(self, options)
    case .charRNN, .charLSTM, .charGRU, .wordLSTM: try .language(self, options)
    case .textCNN, .bilstm: try .sentences(self, options)
    case .parity: try .parity(options)
    case .adding: try .adding(options)
    case .forecast: try .forecast(options)
    case .seq2seq, .caption: try .decoder(self, options)
    }
  }
}
