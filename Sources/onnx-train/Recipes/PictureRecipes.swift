import ONNX
import ToolSupport

/// The recipes for pictures.
func pictureRecipe(
  _ kind: NewCommand.Kind, _ arguments: TrainingArguments, _ sizes: SizeArguments
) throws -> Recipe {
  let data = try PictureData(arguments.requiredData(kind.rawValue), seed: arguments.seed)
  let size = arguments.batch ?? 64
  var training = data.batches(
    data.training, size: size, seed: arguments.seed, input: "image")
  var test = data.batches(data.test, size: 500, seed: nil, input: "image")
  var options = TrainingOptions()
  var settings = TrainingSettings()
  let model: Model
  var measure = Recipe.Measure.accuracy
  var finish: ((Model, String) throws -> [String])?
  settings.epochs = 20
  switch kind {
  case .mlp:
    var net = MLP()
    (net.channels, net.height, net.width) = (data.sizes[0], data.sizes[1], data.sizes[2])
    net.classes = data.classCount
    if let hidden = sizes.hidden { net.hidden = [hidden, hidden] }
    model = try net.model(seed: arguments.seed)
    settings.rate = .oneCycle(peak: 2e-3)
  case .resnetSmall:
    var net = ResNetSmall()
    (net.channels, net.height, net.width) = (data.sizes[0], data.sizes[1], data.sizes[2])
    net.classes = data.classCount
    model = try net.model(seed: arguments.seed)
    options.optimizer = SGD(momentum: 0.9, nesterov: true, weightDecay: 5e-4)
    settings.rate = .oneCycle(peak: 0.1)
    settings.epochs = 10
    training = ShiftedPictures(training, by: 2, seed: arguments.seed)
  case .autoencoder:
    var net = Autoencoder()
    (net.channels, net.height, net.width) = (data.sizes[0], data.sizes[1], data.sizes[2])
    model = try net.model(seed: arguments.seed)
    options.loss = .meanSquaredError
    settings.rate = .oneCycle(peak: 2e-3)
    measure = .loss
    (training, test) = (SelfTargets(training), SelfTargets(test))
    let examples = try data.test.batch(of: Array(0..<min(16, data.test.count)))
    finish = { try writeReconstructions($0, examples.tensors[data.pictures], beside: $1) }
  default:
    var net = LeNet5()
    (net.channels, net.height, net.width) = (data.sizes[0], data.sizes[1], data.sizes[2])
    net.classes = data.classCount
    model = try net.model(seed: arguments.seed)
    settings.rate = .oneCycle(peak: 3e-3)
    training = ShiftedPictures(training, by: 2, seed: arguments.seed)
  }
  return Recipe(
    model: model, options: options, settings: settings, training: training, test: test,
    measure: measure, finish: finish)
}

/// Batches of pictures moved by a few pixels, each batch as one: more to learn from the same data.
private struct ShiftedPictures: BatchSource {
  let source: any BatchSource
  let distance: Int
  let seed: UInt64

  init(_ source: any BatchSource, by distance: Int, seed: UInt64) {
    self.source = source
    self.distance = distance
    self.seed = seed
  }

  var batchCount: Int { source.batchCount }

  func batch(epoch: Int, index: Int) throws -> Batch {
    var batch = try source.batch(epoch: epoch, index: index)
    guard let image = batch.tensors["image"], image.shape.count == 4 else { return batch }
    var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
    let down = random.integer(below: 2 * distance + 1) - distance
    let right = random.integer(below: 2 * distance + 1) - distance
    batch.tensors["image"] = try image.shifted(down: down, right: right)
    return batch
  }
}

/// Batches whose pictures are their own targets.
private struct SelfTargets: BatchSource {
  let source: any BatchSource
  init(_ source: any BatchSource) { self.source = source }
  var batchCount: Int { source.batchCount }

  func batch(epoch: Int, index: Int) throws -> Batch {
    var batch = try source.batch(epoch: epoch, index: index)
    batch.tensors[Loss.labels] = batch.tensors["image"]
    return batch
  }
}

extension Tensor {
  /// Float pictures `[N, C, H, W]` moved, 0 where nothing moves in.
  fileprivate func shifted(down: Int, right: Int) throws(TensorError) -> Tensor {
    let (height, width) = (shape[2], shape[3])
    let source = elements(as: Float.self)
    let columns = max(0, right)..<max(max(0, right), min(width, width + right))
    return try Tensor(Float.self, shape: shape) { target in
      target.initialize(repeating: 0)
      for plane in 0..<shape[0] * shape[1] {
        for row in max(0, down)..<max(max(0, down), min(height, height + down)) {
          let to = (plane * height + row) * width
          let from = (plane * height + row - down) * width - right
          for column in columns { target[to + column] = source[from + column] }
        }
      }
    }
  }
}
