import ONNXFormat

extension Vocabulary {
  /// The vocabulary as a model's metadata.
  var metadata: [MetadataEntry] { [MetadataEntry(key: Self.metadataKey, value: json)] }
}

extension Recipe {
  /// The recipes for language models.
  static func language(_ name: ArchitectureName, _ choices: RecipeOptions) throws -> Recipe {
    let isWords = name == .wordLSTM
    let corpus = try TextCorpus(
      contentsOf: choices.requiredData(), unit: isWords ? .word : .character,
      minimumCount: isWords ? 3 : 1)
    let vocabulary = corpus.vocabulary
    let steps = choices.steps ?? (isWords ? 35 : 50)
    var net: LanguageModel =
      switch name {
      case .charRNN: .charRNN(vocabulary: vocabulary.count)
      case .charGRU: .charGRU(vocabulary: vocabulary.count)
      case .charLSTM: .charLSTM(vocabulary: vocabulary.count)
      default: .wordLSTM(vocabulary: vocabulary.count)
      }
    if let embedding = choices.embedding { net.embedding = embedding == 0 ? nil : embedding }
    if let hidden = choices.hidden { net.hidden = hidden }
    if let layers = choices.layers { net.layers = layers }
    var options = TrainingOptions()
    options.clipNorm = 5
    options.states = ["h": "h_out"]
    if net.kind.hasCell { options.states["c"] = "c_out" }
    var settings = TrainingLoop.Settings()
    settings.epochs = 20
    settings.rate = .oneCycle(peak: name == .charRNN ? 2e-3 : 5e-3)
    settings.keepsBest = isWords
    let names = ["tokens": "tokens", "targets": Loss.labels]
    return Recipe(
      model: try net.model(seed: choices.seed, metadata: vocabulary.metadata),
      options: options, settings: settings,
      training: try TokenStreams(
        corpus.train, streams: choices.batch ?? 50, window: steps, dropsRest: true
      ).renamed(names),
      validation: try TokenStreams(
        corpus.validation, streams: min(20, max(1, corpus.validation.count / 200)), window: 100
      ).renamed(names),
      measure: .perplexity)
  }

  /// The recipes for sentences. One fold of ten is the test data, and a share of the others, by default
  /// a tenth, the validation data.
  static func sentences(_ name: ArchitectureName, _ choices: RecipeOptions) throws -> Recipe {
    let seed = choices.seed
    // Words that occur once teach nothing about other sentences.
    let folder = try PolarityFolder(choices.requiredData(), minimumCount: 2)
    let vocabulary = folder.vocabulary
    var padding = SequenceDataset.Padding()
    padding.multiple = 4
    if name == .textCNN {
      // A window of five words then covers every word at every position.
      padding.before = 4
      padding.minimumLength = 8
    }
    let data = try folder.dataset(padding: padding)
    // The folds do not depend on the seed, so that ten runs test every sentence once.
    let fold = try data.folds(10, seed: 0)[choices.fold ?? 0]
    var random = RandomStream(seed: seed, name: "validation")
    let order = fold.train.examples.shuffled(using: &random)
    let kept = Int(Double(order.count) * (choices.validationShare ?? 0.1))
    guard kept < order.count else { throw DataError("no sentence is left for training") }
    let size = choices.batch ?? 50

    var options = TrainingOptions()
    var settings = TrainingLoop.Settings()
    settings.rate = .constant(1e-3)
    var names = ["tokens": "tokens", "labels": Loss.labels]
    let net: any Architecture
    if name == .textCNN {
      var cnn = TextCNN(vocabulary: vocabulary.count)
      cnn.embeddingDropout = 0.3
      if let embedding = choices.embedding, embedding > 0 { cnn.embedding = embedding }
      net = cnn
      // Kim trains with Adadelta. Adam reaches the same accuracy in fewer epochs.
      options.maxNorms = [MaxNorm("output.weight", limit: 3, axis: 1)]
      settings.epochs = 5
    } else {
      var lstm = BiLSTM(vocabulary: vocabulary.count)
      if let hidden = choices.hidden { lstm.hidden = hidden }
      if let embedding = choices.embedding, embedding > 0 { lstm.embedding = embedding }
      net = lstm
      options.clipNorm = 5
      settings.epochs = 8
      names["lengths"] = "lengths"
    }
    func batches(_ examples: ArraySlice<Int>) -> any BatchSource {
      BucketedBatches(data, examples: Array(examples), size: size, seed: seed).renamed(names)
    }
    var recipe = Recipe(
      model: try net.model(seed: seed, metadata: vocabulary.metadata), options: options,
      settings: settings,
      training: batches(order.dropLast(kept)).droppingWords(
        share: 0.3, as: vocabulary.unknownNumber ?? 0, seed: seed),
      validation: kept > 0 ? batches(order.suffix(kept)) : nil,
      test: batches(fold.test.examples[...]), measure: .accuracy)
    recipe.keepBest()
    recipe.labels = [("training data", order.dropLast(kept).map { Int64(folder.labels[$0]) })]
    recipe.classNames = ["negative", "positive"]
    return recipe
  }
}
