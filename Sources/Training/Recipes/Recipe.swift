import ONNXFormat
import ONNXText

/// A complete description of a training run: the model, the data, and the options.
package struct Recipe {
  /// A line that announces the run; `nil` for none.
  package var title: String?
  /// The runs that come before. Each begins with the parameters that the one before ends with.
  package var pretraining: [Recipe] = []
  package var model: Model
  /// The model that is written, with the trained parameters; `nil` for `model`.
  package var exported: Model?
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
  /// The labels of classes in each part of the data, if they are known before training.
  package var labels: [(part: String, labels: [Int64])] = []
  /// The names of the classes; `nil` if the data has none.
  package var classNames: [String]?
  /// Pictures of the training data, and below them augmented ones, `[N, C, H, W]`.
  package var augmented: [Tensor]?
  /// The tags of a tagger, whose result is a `TagScore`.
  package var tags: Vocabulary?
  /// The sounds of a recipe that can write them to a folder.
  package var sounds: SoundData?

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

  /// The model to write.
  /// - Parameter trained: `model` with trained parameters.
  package func result(_ trained: Model) -> Model {
    guard var result = exported else { return trained }
    let tensors = Dictionary(
      trained.graph.initializers.compactMap { part in part.name.map { ($0, part.tensor) } },
      uniquingKeysWith: { $1 })
    for index in result.graph.initializers.indices {
      guard let name = result.graph.initializers[index].name, let tensor = tensors[name] else {
        continue
      }
      result.graph.initializers[index].tensor = tensor
    }
    return result
  }

  /// Makes the model that of the epoch with the best validation result, if there is validation data.
  package mutating func keepBest() {
    settings.keepsBest = validation != nil
    settings.bestIs = measure == .accuracy ? .mostAccurate : .leastLoss
  }

  /// States the names of the classes in the model's metadata, in place of others there.
  package mutating func noteClassNames() {
    model.metadata.removeAll { $0.key == ClassNames.metadataKey }
    if let classNames { model.metadata.append(ClassNames.metadata(classNames)) }
  }

  /// The figure that describes a trained model.
  package enum Measure: Sendable {
    case accuracy, loss, perplexity
  }

  /// The data of a plot or picture that illustrates a trained model.
  package enum Illustration {
    /// Pictures for an autoencoder, `[N, C, H, W]`.
    case reconstructions(Tensor)
    /// The weights of units that take pictures of these sizes, `[C, H, W]`, by the layers' parameters from
    /// the picture up, and pictures for a restricted Boltzmann machine.
    case filters(layers: [String], sizes: [Int], pictures: Tensor?)
    /// A series for a forecaster.
    case forecast(ForecastTask)
    /// Sounds whose log-mel spectrum is drawn.
    case logMel(SoundData)
    /// Sequences by which the model's output is differentiated, before and after training.
    case gradientNorms(before: Model, sequences: Tensor, input: String)
    /// A batch for a tagger, and the words of its first sentence.
    case tags(Batch, words: [String], tags: [String])
  }
}

/// The options of the built-in recipes; `nil` for a recipe's default.
package struct RecipeOptions: Sendable {
  /// The path of the data.
  package var data: String?
  package var seed: UInt64 = 1
  /// The number of examples, or streams of text, in a batch.
  package var batch: Int?
  /// The units of each hidden layer.
  package var hiddenLayers: [Int]?
  /// The steps of Gibbs sampling of a restricted Boltzmann machine.
  package var gibbsSteps: Int?
  /// The epochs of pretraining of each layer; 0 for none.
  package var pretraining: Int?
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
  /// The length of sounds in seconds.
  package var seconds: Double?
  /// The fold of ten that is the test data, 0 to 9.
  package var fold: Int?
  /// The share of training examples that are set aside for validation; 0 for none.
  package var validationShare: Double?
  /// The height and width of pictures.
  package var size: [Int]?
  /// The random changes of training pictures.
  package var augmentation: [Augmentation]?
  /// Whether a tagger has a linear chain.
  package var hasChain = true
  /// Reads a picture file.
  package var decode: PictureData.Decoder

  package init(decode: @escaping PictureData.Decoder) { self.decode = decode }

  /// The units of a hidden layer.
  package var hidden: Int? { hiddenLayers?.first }

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
    case .charRNN, .charLSTM, .charGRU, .wordLSTM, .textCNN, .bilstm: true
    default: isForPictures
    }
  }

  /// Whether the recipe takes a share of its training data for validation.
  package var takesValidationShare: Bool {
    switch self {
    case .textCNN, .bilstm, .soundCNN, .soundGRU, .forecast: true
    default: isForPictures
    }
  }

  /// Whether the recipe reads pictures, with `RecipeOptions.size` and `augmentation`.
  package var isForPictures: Bool {
    switch self {
    case .mlp, .lenet5, .resnetSmall, .autoencoder, .rbm, .dbn: true
    default: classicNetwork != nil
    }
  }

  /// The recipe for an architecture.
  /// - Throws: `DataError` if the data cannot be read, `ModelError` if a size is out of range.
  package func recipe(_ options: RecipeOptions) throws -> Recipe {
    var recipe = try unnamedRecipe(options)
    if recipe.classNames != nil { recipe.noteClassNames() }
    return recipe
  }

  /// The recipe without the names of classes in the model's metadata.
  private func unnamedRecipe(_ options: RecipeOptions) throws -> Recipe {
    switch self {
    case .mlp, .lenet5, .resnetSmall, .autoencoder: try .pictures(self, options)
    case .rbm: try .boltzmannMachine(options)
    case .dbn: try .deepBeliefNetwork(options)
    case .alexnet, .zfnet, .vgg11, .vgg16, .vgg19, .googlenet, .resnet18, .resnet50:
      try .pictures(self, options)
    case .charRNN, .charLSTM, .charGRU, .wordLSTM: try .language(self, options)
    case .textCNN, .bilstm: try .sentences(self, options)
    case .parity: try .parity(options)
    case .adding: try .adding(options)
    case .forecast: try .forecast(options)
    case .seq2seq, .caption: try .decoder(self, options)
    case .soundCNN, .soundGRU: try .sounds(self, options)
    case .tagger: try .tagger(options)
    }
  }
}
