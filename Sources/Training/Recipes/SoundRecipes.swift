import ONNXAudio
import ONNXFormat

/// Sounds and their classes for training and for testing: tensors `audio`, `[N, T]`, and `label`.
package struct SoundData {
  package let training: any ExampleSource
  package let test: any ExampleSource
  package let classNames: [String]
  /// The number of samples per second.
  package let rate: Int

  /// The sounds of a folder, of which a tenth are for testing unless it lists them.
  /// - Throws: `DataError`
  package init(folder: String, seconds: Double, seed: UInt64) throws(DataError) {
    let source = try SoundFolder(folder, seconds: seconds)
    if let tests = source.tests {
      training = source.subset((0..<source.count).filter { !tests.contains($0) })
      test = source.subset(tests.sorted())
    } else {
      (training, test) = source.split(share: 0.1, seed: seed)
    }
    (classNames, rate) = (source.classNames, source.rate)
  }

  /// The sounds of a `SoundTask`.
  package init(seed: UInt64) {
    training = SoundTask(count: 2400, seed: seed)
    test = SoundTask(count: 600, seed: seed &+ 1)
    (classNames, rate) = (SoundTask.classNames, SoundTask.rate)
  }

  /// The first test sound of each class, `[1, T]`, and the name of the class.
  package func examples() throws -> [(name: String, audio: Tensor)] {
    var found: [Int64: Tensor] = [:]
    for index in 0..<test.count where found.count < classNames.count {
      let batch = try test.batch(of: [index])
      guard let label = batch.tensors["label"]?.elements(as: Int64.self).first else { continue }
      if found[label] == nil { found[label] = batch.tensors["audio"] }
    }
    return classNames.enumerated().compactMap { label, name in
      found[Int64(label)].map { (name, $0) }
    }
  }
}

extension Recipe {
  /// The recipes for sounds.
  static func sounds(_ name: ArchitectureName, _ choices: RecipeOptions) throws -> Recipe {
    let seed = choices.seed
    if choices.data == nil, choices.seconds != nil {
      throw DataError("the synthetic sounds last one second; other lengths need a path to data")
    }
    let data =
      try choices.data.map {
        try SoundData(folder: $0, seconds: choices.seconds ?? 1, seed: seed)
      } ?? SoundData(seed: seed)
    var net: any SoundClassifier = SoundCNN()
    if name == .soundGRU {
      var recurrent = SoundGRU()
      if let hidden = choices.hidden { recurrent.hidden = hidden }
      net = recurrent
    }
    (net.rate, net.classes) = (data.rate, data.classNames.count)
    var parts = DataParts(training: data.training, test: data.test)
    if let share = choices.validationShare, share > 0 {
      try parts.setAside(\.validation, "validation", share: share, seed: seed)
    }
    var options = TrainingOptions()
    options.clipNorm = name == .soundGRU ? 1 : nil
    var settings = TrainingLoop.Settings()
    settings.epochs = 10
    settings.rate = .oneCycle(peak: 5e-3)
    let names = ["audio": "audio", "label": Loss.labels]
    var recipe = Recipe(
      model: try net.model(
        seed: seed,
        metadata: [MetadataEntry(key: Sound.rateMetadataKey, value: "\(data.rate)")]),
      options: options, settings: settings,
      training: parts.training.batches(size: choices.batch ?? 32, seed: seed).renamed(names),
      validation: parts.validation?.batches(size: 100, seed: nil).renamed(names),
      test: data.test.batches(size: 100, seed: nil).renamed(names), measure: .accuracy,
      illustration: .logMel(data))
    recipe.classNames = data.classNames
    recipe.sounds = data
    recipe.keepBest()
    return recipe
  }
}
