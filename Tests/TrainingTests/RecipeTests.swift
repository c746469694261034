import ONNX
import Testing

/// The recipes of `onnx-train new`.
@Suite struct RecipeTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// Options for small models and batches.
  private func options(_ data: String? = nil) -> RecipeOptions {
    var options = RecipeOptions { path, _ in
      let value: Float = path.contains("cat") ? 1 : 0
      return Tensor(shape: [1, 28, 28], [Float](repeating: value, count: 28 * 28))
    }
    options.data = data
    (options.batch, options.hiddenLayers, options.layers) = (2, [4], 1)
    options.width = 0.02
    return options
  }

  /// The data of an architecture.
  private func data(_ name: ArchitectureName) throws -> String? {
    switch name {
    case .mlp, .lenet5, .resnetSmall, .autoencoder, .rbm, .dbn, .alexnet, .zfnet, .vgg11, .vgg16,
      .vgg19, .googlenet, .resnet18, .resnet50:
      for index in 0..<10 {
        try folder.write("", to: "cat/\(index).png")
        try folder.write("", to: "dog/\(index).png")
      }
      return folder.path
    case .charRNN, .charLSTM, .charGRU, .wordLSTM:
      let text = String(repeating: "the cat and the dog\n", count: 50)
      return try folder.write(text, to: "text.txt")
    case .textCNN, .bilstm:
      try folder.write(String(repeating: "a good film\n", count: 20), to: "a.pos")
      try folder.write(String(repeating: "a bad film\n", count: 20), to: "a.neg")
      return folder.path
    default: return nil
    }
  }

  @Test(arguments: ArchitectureName.allCases) func batchesFitTheModel(
    name: ArchitectureName
  ) throws {
    let data = try data(name)
    #expect(name.needsData == (data != nil))
    let recipe = try name.recipe(options(data))
    #expect(recipe.model.graph.name == name.rawValue)
    let trainer = try Trainer(recipe.model, recipe.options)
    let result = try trainer.train(on: recipe.training.batch(epoch: 0, index: 0), rate: 1e-3)
    #expect(result.loss > 0)
    var options = recipe.options
    options.shards = 3
    let shards = try Trainer(recipe.model, options)
    let sum = try shards.train(on: recipe.training.batch(epoch: 0, index: 0), rate: 1e-3)
    #expect(sum.loss > 0 && sum.gradientNorm > 0 && sum.counted == result.counted)
    for source in [recipe.validation, recipe.test] {
      guard let batch = try source?.batch(epoch: 0, index: 0) else { continue }
      #expect(try trainer.evaluate(on: batch, states: CarriedState()).loss.isFinite)
    }
    #expect((recipe.measure == .accuracy) == (result.accuracy != nil && recipe.test != nil))
  }

  @Test func dataIsRequired() {
    expectDataError("path to the training data") { try ArchitectureName.lenet5.recipe(options()) }
  }

  @Test func aShareForValidationChoosesTheEpochAndKeepsTheTestData() throws {
    var choices = options(try data(.mlp))
    let plain = try ArchitectureName.mlp.recipe(choices)
    #expect(plain.validation == nil && !plain.settings.keepsBest)
    choices.validationShare = 0.25
    let split = try ArchitectureName.mlp.recipe(choices)
    #expect(split.settings.keepsBest)
    #expect(split.labels.map(\.part) == ["training data", "validation data", "test data"])
    // Of 20 pictures, 2 are test data, and a quarter of the others is 4 or 5.
    #expect(split.labels.map(\.labels.count) == [13, 5, 2])
    let test = try [plain, split].map { try $0.test?.batch(epoch: 0, index: 0).tensors }
    #expect(test[0] == test[1])
    choices.validationShare = 0.01
    expectDataError("at least 1 on each side") { try ArchitectureName.mlp.recipe(choices) }
    var sentences = options(try data(.textCNN))
    sentences.validationShare = 0
    #expect(try ArchitectureName.textCNN.recipe(sentences).validation == nil)
  }

  @Test(arguments: [ArchitectureName.soundCNN, .forecast])
  func generatedDataHasAShareForValidationToo(name: ArchitectureName) throws {
    var choices = options(nil)
    let plain = try name.recipe(choices)
    #expect(plain.validation == nil && !plain.settings.keepsBest)
    choices.validationShare = 0.1
    let split = try name.recipe(choices)
    #expect(split.validation != nil && split.settings.keepsBest)
    #expect(split.training.batchCount < plain.training.batchCount)
    #expect(split.test?.batchCount == plain.test?.batchCount)
    choices.validationShare = 1e-6
    expectDataError("1e-06 ") { try name.recipe(choices) }
  }

  @Test func picturesHaveTheWantedSizeAndTheirClassesNames() throws {
    for name in ["cat", "dog"] { try folder.write("", to: "\(name)/1.webp") }
    let data = try PictureData(folder.path, seed: 1, size: [4, 6]) { path, sizes in
      let own = path.contains("cat") ? [1, 2, 2] : [3, 3, 5]
      return Tensor(shape: sizes ?? own, [Float](repeating: 0, count: (sizes ?? own).reduce(1, *)))
    }
    // The first picture is grey, but not that of the other class.
    #expect(data.sizes == [3, 4, 6])
    #expect(data.classNames == ["cat", "dog"])
  }

  @Test func gradientsFallWithTheDistance() throws {
    var choices = options()
    choices.steps = 12
    choices.cell = .rnn
    let recipe = try ArchitectureName.adding.recipe(choices)
    guard case .gradientNorms(let model, let sequences, let input)? = recipe.illustration else {
      Issue.record("no gradient norms")
      return
    }
    let norms = try gradientNorms(model, sequences, input: input)
    #expect(norms.map(\.distance) == Array(0..<12))
    #expect(norms[11].norm < norms[0].norm)
  }
}

@Suite struct MappedBatchTests {
  private func source(_ image: Tensor, _ tokens: Tensor) throws -> ShuffledBatches {
    try TensorDataset(["image": image, "tokens": tokens]).batches(size: 1, seed: nil)
  }

  @Test func dropsWordsButNoPadding() throws {
    let tokens = Tensor(shape: [1, 200], (0..<200).map { Int64($0 < 100 ? 7 : 0) })
    let image = Tensor(shape: [1, 1], [0] as [Float])
    let dropped = try source(image, tokens).droppingWords(share: 0.3, as: 1, seed: 1)
      .batch(epoch: 0, index: 0).integers("tokens")
    #expect(dropped[100...].allSatisfy { $0 == 0 })
    #expect((15...45).contains(dropped.count { $0 == 1 }))
    #expect(dropped[..<100].allSatisfy { $0 == 1 || $0 == 7 })
  }

  @Test func picturesBecomeTargets() throws {
    let image = Tensor(shape: [1, 2], [0.25, 0.5] as [Float])
    let batch = try source(image, Tensor(shape: [1, 1], [0] as [Int64])).withImagesAsTargets()
      .batch(epoch: 0, index: 0)
    #expect(batch.tensors[Loss.labels] == image)
  }
}
