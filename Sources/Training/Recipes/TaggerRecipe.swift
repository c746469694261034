import ONNXFormat

extension Recipe {
  /// The recipe for a tagger, of the corpus at the path of the data or of sentences that it makes.
  static func tagger(_ choices: RecipeOptions) throws -> Recipe {
    let (seed, size) = (choices.seed, choices.batch ?? 32)
    var options = TrainingOptions()
    options.output = "emissions"
    options.loss = choices.hasChain ? .linearChain(Tagger.chain) : .crossEntropy
    options.clipNorm = 5
    var settings = TrainingLoop.Settings()
    settings.keepsBest = true
    settings.bestIs = .mostAccurate
    settings.rate = .oneCycle(peak: 1e-2)
    var names = ["tokens": "tokens", "lengths": "lengths", "labels": Loss.labels]

    func recipe(
      _ net: Tagger, _ vocabularies: [String: Vocabulary], tags: Vocabulary,
      _ parts: [any BatchSource], example: [String]
    ) throws -> Recipe {
      var net = net
      net.hasChain = choices.hasChain
      if let hidden = choices.hidden { net.hidden = hidden }
      if let embedding = choices.embedding, embedding > 0 { net.embedding = embedding }
      let metadata = vocabularies.merging(["tags": tags]) { $1 }.sorted { $0.key < $1.key }.map {
        MetadataEntry(key: $0.key, value: $0.value.json)
      }
      let parts = parts.map { $0.renamed(names) }
      var recipe = Recipe(
        model: try net.model(seed: seed, metadata: metadata), options: options, settings: settings,
        training: parts[0], validation: parts[1], test: parts[2], measure: .accuracy)
      recipe.tags = tags
      recipe.illustration = .tags(
        try parts[2].batch(epoch: 0, index: 0), words: example, tags: tags.tokens)
      return recipe
    }

    guard let path = choices.data else {
      let parts = try [(0, 200, size), (1, 5, 100), (2, 10, 100)].map { offset, count, size in
        try ChunkTask(size: size, batchCount: count, seed: seed &+ offset)
      }
      var net = Tagger(vocabulary: parts[0].vocabulary.count, tags: parts[0].tags.count)
      (net.embedding, net.hidden, net.dropout) = (32, 32, 0)
      settings.epochs = 5
      return try recipe(
        net, [Vocabulary.metadataKey: parts[0].vocabulary], tags: parts[0].tags, parts,
        example: parts[2].words(epoch: 0, index: 0)[0])
    }
    let corpus = try TaggedCorpus(path)
    let tags = try Vocabulary(corpus.tags, unit: .word)
    let words = corpus.train.map(\.words)
    // A word that occurs once stands for those that are unknown.
    let vocabulary = try Vocabulary(
      wordsOf: words.map { $0.map { $0.lowercased() } }, minimumCount: 2)
    let suffixes = try Vocabulary(
      wordsOf: words.map { $0.map(TaggedDataset.suffix) }, minimumCount: 2)
    func batches(
      _ sentences: [TaggedSentence], size: Int, seed: UInt64?
    ) throws -> any BatchSource {
      try TaggedDataset(sentences, vocabulary: vocabulary, suffixes: suffixes, tags: tags)
        .batches(size: size, seed: seed)
    }
    var net = Tagger(vocabulary: vocabulary.count, tags: tags.count)
    net.suffixes = suffixes.count
    names.merge(["suffixes": "suffixes", "shapes": "shapes"]) { $1 }
    settings.epochs = 20
    return try recipe(
      net, [Vocabulary.metadataKey: vocabulary, "suffixes": suffixes], tags: tags,
      [
        batches(corpus.train, size: size, seed: seed),
        batches(corpus.validation, size: 100, seed: nil),
        batches(corpus.test, size: 100, seed: nil),
      ], example: corpus.test[0].words)
  }
}
