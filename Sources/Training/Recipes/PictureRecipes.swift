import ONNXFormat

extension Recipe {
  /// The recipes for pictures.
  static func pictures(_ name: ArchitectureName, _ choices: RecipeOptions) throws -> Recipe {
    let seed = choices.seed
    let data = try PictureData(choices.requiredData(), seed: seed, decode: choices.decode)
    var settings = TrainingLoop.Settings()
    settings.epochs = 20
    var net: any PictureModel =
      switch name {
      case .mlp: MLP(hidden: choices.hidden)
      case .resnetSmall: ResNetSmall()
      case .autoencoder: Autoencoder()
      default: name.classicNetwork ?? LeNet5()
      }
    net.sizes = data.sizes
    if var lenet = net as? LeNet5 {
      lenet.isLocal = choices.isLocal
      lenet.pool = choices.pool ?? lenet.pool
      net = lenet
    }
    if var classic = net as? any ClassicNetwork {
      classic.scale = choices.width ?? (classic.isSmall ? 0.25 : 1)
      net = classic
    }
    if var classifier = net as? any PictureClassifier {
      classifier.classes = data.classCount
      net = classifier
    }
    var recipe = Recipe(
      model: try net.model(seed: seed), settings: settings,
      training: data.batches(data.training, size: choices.batch ?? 64, seed: seed),
      test: data.batches(data.test, size: 500, seed: nil), measure: .accuracy)
    switch name {
    case .mlp: recipe.settings.rate = .oneCycle(peak: 2e-3)
    case .resnetSmall:
      recipe.options.optimizer = SGD(momentum: 0.9, nesterov: true, weightDecay: 5e-4)
      recipe.settings.rate = .oneCycle(peak: 0.1)
      recipe.settings.epochs = 10
      recipe.training = recipe.training.shifted(by: 2, seed: seed)
    case .alexnet, .zfnet, .vgg11, .vgg16, .vgg19, .googlenet, .resnet18, .resnet50:
      recipe.options.clipNorm = 1
      recipe.settings.rate = .oneCycle(peak: 1e-3)
      recipe.settings.epochs = 3
      recipe.training = recipe.training.shifted(by: 2, seed: seed)
    case .autoencoder:
      recipe.options.loss = .meanSquaredError
      recipe.settings.rate = .oneCycle(peak: 2e-3)
      recipe.measure = .loss
      recipe.training = recipe.training.withImagesAsTargets()
      recipe.test = recipe.test?.withImagesAsTargets()
      let examples = try data.test.batch(of: Array(0..<min(16, data.test.count)))
      recipe.illustration = examples.tensors[data.pictures].map { .reconstructions($0) }
    default:
      recipe.settings.rate = .oneCycle(peak: 3e-3)
      recipe.training = recipe.training.shifted(by: 2, seed: seed)
    }
    return recipe
  }
}
