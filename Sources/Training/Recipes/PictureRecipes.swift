import ONNXFormat

extension Recipe {
  /// The recipes for pictures. All pictures of the training data are trained on, as in the papers,
  /// unless a share is set aside for validation.
  static func pictures(_ name: ArchitectureName, _ choices: RecipeOptions) throws -> Recipe {
    let seed = choices.seed
    let data = try PictureData(
      choices.requiredData(), seed: seed, size: choices.size, decode: choices.decode)
    var parts = data.parts
    if let share = choices.validationShare, share > 0 {
      try parts.setAside(\.validation, "validation", share: share, seed: seed)
    }
    var settings = TrainingLoop.Settings()
    settings.epochs = 20
    var net: any PictureModel =
      switch name {
      case .mlp: MLP(hidden: choices.hiddenLayers)
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
      classic.scale = choices.width ?? (classic.isSmall ? 0.125 : 1)
      net = classic
    }
    if var classifier = net as? any PictureClassifier {
      classifier.classes = data.classCount
      net = classifier
    }
    // Digits and small objects stay what they are when they move by two pixels.
    let isShifted = [.lenet5, .resnetSmall].contains(name) || name.classicNetwork != nil
    let usual = isShifted && min(data.sizes[1], data.sizes[2]) > 4 ? [Augmentation.shift(2)] : []
    let augmentation = try PictureAugmentation(choices.augmentation ?? usual, sizes: data.sizes)
    var recipe = Recipe(
      model: try net.model(seed: seed), settings: settings,
      training: data.batches(parts.training, size: choices.batch ?? 64, seed: seed)
        .augmented(augmentation, "image", seed: seed),
      validation: parts.validation.map { data.batches($0, size: 500, seed: nil) },
      test: parts.test.map { data.batches($0, size: 500, seed: nil) }, measure: .accuracy)
    switch name {
    case .mlp: recipe.settings.rate = .oneCycle(peak: 2e-3)
    case .resnetSmall:
      recipe.options.optimizer = SGD(momentum: 0.9, nesterov: true, weightDecay: 5e-4)
      recipe.settings.rate = .oneCycle(peak: 0.1)
      recipe.settings.epochs = 10
    case .alexnet, .zfnet, .vgg11, .vgg16, .vgg19, .googlenet, .resnet18, .resnet50:
      recipe.options.clipNorm = 1
      recipe.settings.rate = .oneCycle(peak: 1e-3)
      recipe.settings.epochs = 3
    case .autoencoder:
      recipe.options.loss = .meanSquaredError
      recipe.settings.rate = .oneCycle(peak: 2e-3)
      recipe.measure = .loss
      recipe.training = recipe.training.withImagesAsTargets()
      recipe.validation = recipe.validation?.withImagesAsTargets()
      recipe.test = recipe.test?.withImagesAsTargets()
      if let test = parts.test {
        let examples = try test.batch(of: Array(0..<min(16, test.count)))
        recipe.illustration = examples.tensors[data.pictures].map { .reconstructions($0) }
      }
    default: recipe.settings.rate = .oneCycle(peak: 3e-3)
    }
    if recipe.measure == .accuracy {
      recipe.labels = parts.labels
      recipe.classNames = data.classNames
    }
    recipe.keepBest()
    recipe.augmented = try augmentation?.examples(parts.training, data.pictures, seed: seed)
    return recipe
  }
}
