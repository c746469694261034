import ONNX
import TestFiles
import TestRanks
import Testing

/// Training loops on several ranks, and shards of data.
@Suite struct RankTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  static func data() throws -> any BatchSource { try TrainerTests.pictures() }

  static func settings(_ path: String? = nil) -> TrainingLoop.Settings {
    var settings = TrainingLoop.Settings()
    settings.epochs = 3
    settings.keepsBest = true
    settings.checkpoint = path
    return settings
  }

  static func loop(
    _ communicator: (any Communicator)?, _ settings: TrainingLoop.Settings
  ) throws -> TrainingLoop {
    let options = ShardedTrainerTests.options(4)
    let trainer = try Trainer(TrainerTests.network(), options, communicator: communicator)
    return TrainingLoop(trainer, try data(), validation: try data(), settings: settings)
  }

  @Test func allRanksHaveTheSameHistoryAndModel() throws {
    let alone = try Self.loop(nil, Self.settings())
    try alone.run()
    let weights = TrainerTests.weights(try alone.model)
    for ranks in [2, 3] {
      let results = try withRanks(ranks) { communicator in
        let loop = try Self.loop(communicator, Self.settings())
        try loop.run()
        return (loop.progress.history, TrainerTests.weights(try loop.model))
      }
      for (history, model) in results {
        #expect(history == alone.progress.history)
        #expect(model == weights)
      }
    }
  }

  @Test func anyRankStopsAllAndAnyNumberResumes() throws {
    let alone = try Self.loop(nil, Self.settings())
    try alone.run()
    let weights = TrainerTests.weights(try alone.model)
    let path = folder.path("checkpoint.onnx")
    let ends = try withRanks(3) { communicator in
      let loop = try Self.loop(communicator, Self.settings(path))
      let end = try loop.run(onStep: { step in
        if communicator.rank == 2, step.epoch == 2, step.step == 3 { loop.stop() }
      })
      return "\(end) \(loop.progress.epoch) \(loop.progress.batch)"
    }
    #expect(ends == Array(repeating: "interrupted 1 4", count: 3))
    for ranks in [1, 2, 4] {
      let models = try withRanks(ranks) { communicator in
        let loop = try Self.loop(communicator, Self.settings())
        try loop.resume(Checkpoint(contentsOf: path))
        try loop.run()
        return TrainerTests.weights(try loop.model)
      }
      for model in models { #expect(model == weights) }
    }
    let whole = TrainingLoop(
      try Trainer(TrainerTests.network(), ShardedTrainerTests.options(nil)), try Self.data(),
      settings: Self.settings())
    let error = #expect(throws: TrainingError.self) {
      try whole.resume(Checkpoint(contentsOf: path))
    }
    #expect(
      "\(try #require(error))"
        == "cannot resume: its batches have 4 shards, now they have no shards")
  }

  @Test func fewerValidationBatchesThanRanksAreShared() throws {
    @Sendable func history(_ communicator: (any Communicator)?) throws -> [EpochRecord] {
      let trainer = try Trainer(
        TrainerTests.network(), ShardedTrainerTests.options(4), communicator: communicator)
      let loop = TrainingLoop(
        trainer, try Self.data(), validation: try TrainerTests.pictures(batches: 1),
        settings: Self.settings())
      try loop.run()
      return loop.progress.history
    }
    let alone = try history(nil)
    for found in try withRanks(3, { try history($0) }) { #expect(found == alone) }
  }

  @Test func shardsKeepStatesThatCheckpointsGather() throws {
    let text = try folder.write(
      String(repeating: "the cat sat on the mat, and the dog. ", count: 20), to: "text.txt")
    @Sendable func run(
      _ communicator: (any Communicator)?, stop: Int? = nil, path: String? = nil,
      resumes: Bool = false
    ) throws -> [Tensor] {
      var choices = RecipeOptions(decode: { _, _ in throw DataError("no pictures") })
      (choices.data, choices.batch, choices.hiddenLayers, choices.steps) = (text, 5, [8], 7)
      var recipe = try ArchitectureName.charLSTM.recipe(choices)
      recipe.options.shards = 3
      recipe.options.session.threads = 1
      recipe.settings.epochs = 2
      recipe.settings.checkpoint = path
      let trainer = try Trainer(recipe.model, recipe.options, communicator: communicator)
      let loop = TrainingLoop(trainer, recipe.training, settings: recipe.settings)
      if resumes, let path { try loop.resume(Checkpoint(contentsOf: path)) }
      try loop.run(onStep: { if $0.step == stop { loop.stop() } })
      return TrainerTests.weights(try loop.model)
    }
    let alone = try run(nil)
    let path = folder.path("checkpoint.onnx")
    _ = try withRanks(2) { try run($0, stop: 4, path: path) }
    for model in try withRanks(3, { try run($0, path: path, resumes: true) }) {
      #expect(model == alone)
    }
  }

  @Test func aSearchForTheRateIsTheSameOnAllRanksAndChangesNothing() throws {
    @Sendable func search(_ communicator: (any Communicator)?) throws -> ([Double], Bool) {
      let trainer = try Trainer(
        TrainerTests.network(), ShardedTrainerTests.options(4), communicator: communicator)
      let before = TrainerTests.weights(try trainer.model)
      let search = try trainer.findLearningRate(Self.data(), steps: 12)
      return (search.points.map(\.loss), TrainerTests.weights(try trainer.model) == before)
    }
    let alone = try search(nil)
    #expect(alone.1)
    for (losses, isUnchanged) in try withRanks(2, { try search($0) }) {
      #expect(losses == alone.0 && isUnchanged)
    }
  }

  @Test func everyRankNamesTheSameNodeThatIsNotFinite() throws {
    let errors = try withRanks(3) { communicator in
      let trainer = try Trainer(
        TrainerTests.network(), ShardedTrainerTests.options(4), communicator: communicator)
      var batch = try Self.data().batch(epoch: 0, index: 0)
      var pixels = try #require(batch.tensors["image"]).array(as: Float.self)
      pixels[pixels.count - 1] = .infinity
      batch.tensors["image"] = Tensor(shape: [16, 1, 8, 8], pixels)
      let before = TrainerTests.weights(try trainer.model)
      let error = #expect(throws: TrainingError.self) { try trainer.train(on: batch, rate: 0.1) }
      #expect(TrainerTests.weights(try trainer.model) == before)
      let next = try trainer.train(on: Self.data().batch(epoch: 0, index: 1), rate: 0.1)
      return "\(try #require(error)) \(next.loss)"
    }
    #expect(Set(errors).count == 1)
    #expect(errors[0].contains("(Conv)"), "\(errors)")
  }

  @Test func shardsOfASourceMakeUpItsBatch() throws {
    let data = try TrainerTests.pictures(batches: 2, size: 10)
    let batch = try data.batch(epoch: 1, index: 1)
    for count in [1, 3, 4, 10] {
      var pixels: [Float] = []
      for number in 0..<count {
        let made = try data.shard(number, of: count, epoch: 1, index: 1)
        let cut = try batch.shard(number, of: count)
        #expect(made.batch.tensors == cut.batch.tensors)
        #expect(made.exampleCount == cut.exampleCount && made.batchCount == 10)
        #expect(abs(made.exampleCount * count - 10) < count)
        pixels += try #require(made.batch.tensors["image"]).array(as: Float.self)
      }
      #expect(try #require(batch.tensors["image"]).array(as: Float.self) == pixels)
    }
    let empty = try data.shard(11, of: 12, epoch: 1, index: 1)
    #expect(empty.exampleCount == 0 && empty.batch.tensors["image"]?.shape == [1, 1, 8, 8])
  }

  @Test func augmentationDrawsOtherNumbersForEachShard() throws {
    let data = try TrainerTests.pictures().droppingLabels()
    let drawn = try (0..<6).map { number in
      try #require(data.shard(number % 3, of: 3, epoch: 0, index: number / 3).batch.tensors["draw"])
    }
    #expect(Set(try drawn.map { try $0.array(as: Int64.self)[0] }).count == 6)
  }

  @Test func impossibleTrainingsAreOneSentence() throws {
    let model = try TrainerTests.network()
    func message(_ body: () throws -> Void) throws -> String {
      do { try body() } catch { return "\(error)" }
      return "no error"
    }
    #expect(
      try message { _ = try Trainer(model, ShardedTrainerTests.options(0)) }
        == "expected 1 to 4096 shards, got 0")
    #expect(
      try message {
        _ = try Trainer(model, ShardedTrainerTests.options(nil), communicator: SingleProcess())
      } == "the ranks share the shards of a batch, but TrainingOptions.shards is not set")
    #expect(
      try message {
        let options = ShardedTrainerTests.options(nil) { $0.synchronizesBatchNorm = true }
        _ = try Trainer(model, options)
      }
        == "batch normalization is synchronized over shards, but TrainingOptions.shards is not set")
    let trainer = try Trainer(model, ShardedTrainerTests.options(2))
    var batch = try Self.data().batch(epoch: 0, index: 0)
    batch.tensors[Loss.labels] = Tensor(shape: [3], [0, 1, 0] as [Int64])
    #expect(
      try message { _ = try trainer.train(on: batch, rate: 0.1) }
        == "a batch is cut into shards along the first axis of its tensors, but 'image' has shape "
        + "[16, 1, 8, 8] and 'labels' [3]")
  }
}

extension BatchSource {
  /// Each batch with the first of the numbers that an augmentation draws for it.
  fileprivate func droppingLabels() -> MappedBatches {
    MappedBatches(self) { batch, epoch, index in
      var random = RandomStream(seed: 1, UInt64(epoch), UInt64(index))
      batch.tensors = ["draw": Tensor(shape: [1], [Int64(random.integer(below: 1 << 60))])]
    }
  }
}
