import ONNXFormat
import RealModule

extension Recipe {
  /// The recipe for a restricted Boltzmann machine.
  static func boltzmannMachine(_ choices: RecipeOptions) throws -> Recipe {
    let data = try BoltzmannData(choices)
    var net = RestrictedBoltzmannMachine()
    net.sizes = data.pictures.sizes
    net.machine.units = choices.hidden ?? net.machine.units
    net.machine.gibbsSteps = choices.gibbsSteps ?? 1
    let exported = try net.model(seed: choices.seed)
    net.isTraining = true
    let model = try net.model(seed: choices.seed)
    var recipe = contrastiveDivergence(
      try model.setting("rbm.visible_bias", data.meanLogits()), output: "error", data, epochs: 10)
    recipe.exported = exported
    recipe.augmented = try data.examples(choices.seed)
    recipe.illustration = .filters(
      layers: ["rbm.weight"], sizes: net.sizes, pictures: try data.testPictures())
    recipe.keepBest()
    return recipe
  }

  /// The recipe for a deep belief network: contrastive divergence layer by layer, then cross entropy on
  /// all layers.
  static func deepBeliefNetwork(_ choices: RecipeOptions) throws -> Recipe {
    let data = try BoltzmannData(choices)
    let epochs = choices.pretraining ?? 8
    var net = DeepBeliefNetwork()
    net.sizes = data.pictures.sizes
    net.classes = data.pictures.classCount
    net.hidden = choices.hiddenLayers ?? net.hidden
    net.gibbsSteps = choices.gibbsSteps ?? 1
    // Without pretraining, weights as small as a Boltzmann machine's would learn nothing.
    if epochs == 0 { net.weight = .glorotUniform() }
    let exported = try net.model(seed: choices.seed)
    net.isTraining = true
    let model = try net.model(seed: choices.seed)
      .setting("rbm1.visible_bias", data.meanLogits())
    var recipe = Recipe(
      model: model, settings: .init(), training: data.training, validation: data.validation,
      test: data.test, measure: .accuracy)
    recipe.exported = exported
    recipe.options.output = "logits"
    recipe.settings.epochs = 15
    recipe.settings.rate = .oneCycle(peak: 1e-3)
    recipe.labels = data.parts.labels
    recipe.classNames = data.pictures.classNames
    recipe.augmented = try data.examples(choices.seed)
    recipe.illustration = .filters(
      layers: net.hidden.indices.map { "rbm\($0 + 1).weight" }, sizes: net.sizes, pictures: nil)
    recipe.keepBest()
    guard epochs > 0 else { return recipe }
    recipe.title = "fine-tuning of all layers"
    for layer in 1...net.hidden.count {
      var run = contrastiveDivergence(model, output: "error\(layer)", data, epochs: epochs)
      run.title = "pretraining of layer \(layer) of \(net.hidden.count)"
      recipe.pretraining.append(run)
    }
    return recipe
  }

  /// Contrastive divergence with the momentum of Hinton's guide. A rate that rises slowly takes the
  /// place of a momentum that does.
  private static func contrastiveDivergence(
    _ model: Model, output: String, _ data: BoltzmannData, epochs: Int
  ) -> Recipe {
    func images(_ batches: any BatchSource) -> any BatchSource {
      batches.renamed(["image": "image"])
    }
    var recipe = Recipe(
      model: model, settings: .init(), training: images(data.training),
      validation: data.validation.map(images), test: data.test.map(images), measure: .loss)
    recipe.options.loss = .mean
    recipe.options.output = output
    recipe.options.stopped = [BoltzmannMachine.stopped]
    recipe.options.optimizer = SGD(momentum: 0.9)
    recipe.settings.epochs = epochs
    recipe.settings.rate = .triangle(peak: 0.05, warmup: 0.1)
    return recipe
  }
}

/// The batches of pictures that Boltzmann machines are trained on.
private struct BoltzmannData {
  let pictures: PictureData
  let parts: DataParts
  let training: any BatchSource
  let validation: (any BatchSource)?
  let test: (any BatchSource)?
  private let augmentation: PictureAugmentation?

  init(_ choices: RecipeOptions) throws {
    let (data, seed) = (
      try PictureData(
        choices.requiredData(), seed: choices.seed, size: choices.size, decode: choices.decode),
      choices.seed
    )
    var parts = data.parts
    if let share = choices.validationShare, share > 0 {
      try parts.setAside(\.validation, "validation", share: share, seed: seed)
    }
    augmentation = try PictureAugmentation(choices.augmentation ?? [], sizes: data.sizes)
    training = data.batches(parts.training, size: choices.batch ?? 100, seed: seed)
      .augmented(augmentation, "image", seed: seed)
    validation = parts.validation.map { data.batches($0, size: 500, seed: nil) }
    test = parts.test.map { data.batches($0, size: 500, seed: nil) }
    (pictures, self.parts) = (data, parts)
  }

  /// Augmented pictures; `nil` if there is no augmentation.
  func examples(_ seed: UInt64) throws -> [Tensor]? {
    try augmentation?.examples(parts.training, pictures.pictures, seed: seed)
  }

  /// The first pictures of the test data.
  func testPictures() throws -> Tensor? {
    guard let test = parts.test, test.count > 0 else { return nil }
    return try test.batch(of: Array(0..<min(16, test.count))).tensors[pictures.pictures]
  }

  /// `ln(p / (1 − p))` for the mean `p` of each pixel in the training data, which is kept from 0 and 1.
  func meanLogits() throws -> Tensor {
    let batches = pictures.batches(parts.training, size: 500, seed: nil)
    var sums = [Double](repeating: 0, count: pictures.sizes.reduce(1, *))
    for index in 0..<batches.batchCount {
      let batch = try batches.batch(epoch: 0, index: index)
      guard let pixels = batch.tensors["image"], pixels.elementType == .float32,
        pixels.count == batch.count * sums.count
      else { throw DataError("expected float32 pictures of the sizes \(pictures.sizes)") }
      pixels.elements(as: Float.self).withUnsafeBufferPointer { pixels in
        for row in 0..<batch.count {
          for place in sums.indices { sums[place] += Double(pixels[row * sums.count + place]) }
        }
      }
    }
    let logits = sums.map { sum in
      let p = min(max(sum / Double(parts.training.count), 1e-3), 1 - 1e-3)
      return Float(Double.log(p / (1 - p)))
    }
    return Tensor(shape: [logits.count], logits)
  }
}

extension Model {
  /// The model with another tensor as an initializer.
  fileprivate func setting(_ name: String, _ tensor: Tensor) -> Model {
    var model = self
    for index in model.graph.initializers.indices
    where model.graph.initializers[index].name == name {
      model.graph.initializers[index].tensor = tensor
    }
    return model
  }
}
