import ONNXFormat

/// The recipes that generate their own data.
extension Recipe {
  /// The settings that these recipes have in common.
  private static func settings(
    epochs: Int, peak: Double
  ) -> (TrainingOptions, TrainingLoop.Settings) {
    var options = TrainingOptions()
    options.clipNorm = 1
    var settings = TrainingLoop.Settings()
    settings.epochs = epochs
    settings.rate = .oneCycle(peak: peak)
    return (options, settings)
  }

  static func parity(_ choices: RecipeOptions) throws -> Recipe {
    let (seed, size) = (choices.seed, choices.batch ?? 64)
    let (options, settings) = settings(epochs: 20, peak: 1e-2)
    var net = Parity()
    net.kind = choices.cell ?? .lstm
    if let hidden = choices.hidden { net.hidden = hidden }
    let names = ["bits": "bits", "lengths": "lengths", "labels": Loss.labels]
    return Recipe(
      model: try net.model(seed: seed), options: options, settings: settings,
      training: ParityTask(lengths: 1...20, size: size, batchCount: 250, seed: seed)
        .renamed(names),
      test: ParityTask(lengths: 100...100, size: 200, batchCount: 5, seed: seed &+ 1)
        .renamed(names),
      measure: .accuracy)
  }

  static func adding(_ choices: RecipeOptions) throws -> Recipe {
    let (seed, size) = (choices.seed, choices.batch ?? 64)
    var (options, settings) = settings(epochs: 20, peak: 2e-3)
    options.loss = .meanSquaredError
    var net = Adding()
    net.kind = choices.cell ?? .lstm
    if let hidden = choices.hidden { net.hidden = hidden }
    let names = ["pairs": "sequence", "sums": Loss.labels]
    let steps = choices.steps ?? 100
    let model = try net.model(seed: seed)
    let test = AddingTask(length: steps, size: 200, batchCount: 5, seed: seed &+ 1)
    let sequences = try test.batch(epoch: 0, index: 0).tensors["pairs"]
    return Recipe(
      model: model, options: options, settings: settings,
      training: AddingTask(length: steps, size: size, batchCount: 250, seed: seed)
        .renamed(names),
      test: test.renamed(names), measure: .loss,
      illustration: sequences.map {
        .gradientNorms(before: model, sequences: $0, input: "sequence")
      })
  }

  static func forecast(_ choices: RecipeOptions) throws -> Recipe {
    let (seed, size) = (choices.seed, choices.batch ?? 64)
    var (options, settings) = settings(epochs: 20, peak: 5e-3)
    options.loss = .meanSquaredError
    var net = Forecast()
    net.horizon = 10
    let task = ForecastTask(past: choices.steps ?? 50, future: net.horizon, seed: seed)
    let (trained, test) = try task.split()
    var (training, validation): (ForecastTask, ForecastTask?) = (trained, nil)
    if let share = choices.validationShare, share > 0 {
      // The last part of the series, so that no window overlaps one of the training.
      (training, validation) = try training.split(testShare: share)
    }
    if let hidden = choices.hidden { net.hidden = hidden }
    if let layers = choices.layers { net.layers = layers }
    let names = ["past": "series", "future": Loss.labels]
    var recipe = Recipe(
      model: try net.model(seed: seed), options: options, settings: settings,
      training: training.batches(size: size, seed: seed).renamed(names),
      validation: validation?.batches(size: 200, seed: nil).renamed(names),
      test: test.batches(size: 200, seed: nil).renamed(names), measure: .loss,
      illustration: .forecast(test))
    recipe.keepBest()
    return recipe
  }

  /// The recipes for models that write sequences. Their accuracy is that of whole sequences.
  static func decoder(_ name: ArchitectureName, _ choices: RecipeOptions) throws -> Recipe {
    let (seed, size) = (choices.seed, choices.batch ?? 64)
    let (options, settings) = settings(epochs: 10, peak: 5e-3)
    func recipe(
      _ net: some Architecture, _ task: some DecoderTask, _ test: some DecoderTask,
      given: String, written: String
    ) throws -> Recipe {
      let names = [given: given, "input": written, "target": Loss.labels]
      return Recipe(
        model: try net.model(seed: seed, metadata: task.vocabulary.metadata), options: options,
        settings: settings, training: task.renamed(names), test: test.renamed(names),
        measure: .accuracy,
        judge: { try exactMatches($0, test, given: given, written: written) })
    }
    if name == .seq2seq {
      let task = try StringTask(.date, size: size, batchCount: 300, seed: seed)
      let test = try StringTask(.date, size: 100, batchCount: 10, seed: seed &+ 1)
      let count = task.vocabulary.count
      var net = SequenceToSequence(sourceVocabulary: count, targetVocabulary: count)
      if let hidden = choices.hidden { net.hidden = hidden }
      return try recipe(net, task, test, given: "source", written: "target")
    }
    let task = try CaptionTask(size: size, batchCount: 150, seed: seed)
    let test = try CaptionTask(size: 100, batchCount: 5, seed: seed &+ 1)
    var net = Caption(vocabulary: task.vocabulary.count)
    net.sizes = [3, task.side, task.side]
    if let hidden = choices.hidden { net.hidden = hidden }
    return try recipe(net, task, test, given: "image", written: "tokens")
  }
}
