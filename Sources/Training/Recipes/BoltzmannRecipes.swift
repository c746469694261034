import ONNXFormat
import RealModule

extension Recipe {
  /// The recipe for a restricted Boltzmann machine.
  static func boltzmannMachine(_ choices: RecipeOptions) throws -> Recipe {
    let data = try PictureData(choices.requiredData(), seed: choices.seed, decode: choices.decode)
    var net = RestrictedBoltzmannMachine()
    net.sizes = data.sizes
    net.machine.units = choices.hidden ?? net.machine.units
    net.machine.gibbsSteps = choices.gibbsSteps ?? 1
    let exported = try net.model(seed: choices.seed)
    net.isTraining = true
    var recipe = try boltzmann(
      net.model(seed: choices.seed), output: "error", data, choices, visibleBias: "rbm")
    recipe.exported = exported
    recipe.settings.epochs = 10
    let examples = try data.test.batch(of: Array(0..<min(16, data.test.count)))
    recipe.illustration = .filters(
      layers: ["rbm.weight"], sizes: data.sizes, pictures: examples.tensors[data.pictures])
    return recipe
  }

  /// The recipe for a deep belief network: contrastive divergence layer by layer, then cross entropy on
  /// all layers.
  static func deepBeliefNetwork(_ choices: RecipeOptions) throws -> Recipe {
    let data = try PictureData(choices.requiredData(), seed: choices.seed, decode: choices.decode)
    let epochs = choices.pretraining ?? 8
    var net = DeepBeliefNetwork()
    net.sizes = data.sizes
    net.classes = data.classCount
    net.hidden = choices.hiddenLayers ?? net.hidden
    net.gibbsSteps = choices.gibbsSteps ?? 1
    // Without pretraining, weights as small as a Boltzmann machine's would learn nothing.
    if epochs == 0 { net.weight = .glorotUniform() }
    let exported = try net.model(seed: choices.seed)
    net.isTraining = true
    var recipe = Recipe(
      model: try net.model(seed: choices.seed), settings: .init(),
      training: data.batches(data.training, size: choices.batch ?? 100, seed: choices.seed),
      test: data.batches(data.test, size: 500, seed: nil), measure: .accuracy)
    recipe.exported = exported
    recipe.options.output = "logits"
    recipe.settings.epochs = 20
    recipe.settings.rate = .oneCycle(peak: 1e-3)
    recipe.illustration = .filters(
      layers: net.hidden.indices.map { "rbm\($0 + 1).weight" }, sizes: data.sizes, pictures: nil)
    guard epochs > 0 else { return recipe }
    recipe.title = "fine-tuning of all layers"
    for layer in net.hidden.indices {
      var phase = try boltzmann(
        recipe.model, output: "error\(layer + 1)", data, choices,
        visibleBias: layer == 0 ? "rbm1" : nil)
      phase.title = "pretraining of layer \(layer + 1) of \(net.hidden.count)"
      phase.settings.epochs = epochs
      recipe.pretraining.append(phase)
    }
    return recipe
  }

  /// Contrastive divergence with the momentum and weight decay of Hinton's guide. A rate that rises
  /// slowly takes the place of a momentum that does.
  /// - Parameter visibleBias: The machine that takes the pictures, whose visible biases become
  ///   `ln(p / (1 − p))`, where `p` is the mean of a pixel.
  private static func boltzmann(
    _ model: Model, output: String, _ data: PictureData, _ choices: RecipeOptions,
    visibleBias: String?
  ) throws -> Recipe {
    var model = model
    if let visibleBias {
      let bias = try data.logits(ofMeansOf: data.training)
      for index in model.graph.initializers.indices
      where model.graph.initializers[index].name == "\(visibleBias).visible_bias" {
        model.graph.initializers[index].tensor = bias
      }
    }
    func images(_ batches: any BatchSource) -> any BatchSource {
      batches.renamed(["image": "image"])
    }
    var recipe = Recipe(
      model: model, settings: .init(),
      training: images(
        data.batches(data.training, size: choices.batch ?? 100, seed: choices.seed)),
      test: images(data.batches(data.test, size: 500, seed: nil)), measure: .loss)
    recipe.options.loss = .mean
    recipe.options.output = output
    recipe.options.stopped = [BoltzmannMachine.stopped]
    recipe.options.optimizer = SGD(momentum: 0.9)
    recipe.settings.rate = .triangle(peak: 0.05, warmup: 0.1)
    return recipe
  }
}

extension PictureData {
  /// `ln(p / (1 − p))` for the mean `p` of each pixel, which is kept from 0 and 1.
  fileprivate func logits(ofMeansOf source: any ExampleSource) throws -> Tensor {
    let batches = batches(source, size: 500, seed: nil)
    var sums = [Double](repeating: 0, count: sizes.reduce(1, *))
    for index in 0..<batches.batchCount {
      let batch = try batches.batch(epoch: 0, index: index)
      guard let pixels = try batch.tensors["image"]?.array(as: Float.self),
        pixels.count == batch.count * sums.count
      else { throw DataError("expected pictures of the sizes \(sizes), float32") }
      for (place, pixel) in pixels.enumerated() { sums[place % sums.count] += Double(pixel) }
    }
    let logits = sums.map { sum in
      let p = min(max(sum / Double(source.count), 1e-3), 1 - 1e-3)
      return Float(Double.log(p / (1 - p)))
    }
    return Tensor(shape: [logits.count], logits)
  }
}
