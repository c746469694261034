import ONNXFormat
import ONNXInterpreter

extension Comparison {
  /// Hidden activations of a multilayer perceptron: tanh, sigmoid, ReLU and softmax.
  ///
  /// The sigmoid's derivative is at most 1/4, and the outputs of a softmax layer sum to 1, so their
  /// gradients shrink from layer to layer towards the input.
  static func activations(_ choices: RecipeOptions) throws -> Comparison {
    let data = try PictureData(
      choices.requiredData(), seed: choices.seed, decode: choices.decode)
    let activations: [(String, any Layer)] = [
      ("tanh", Tanh()), ("sigmoid", Sigmoid()), ("ReLU", Relu()), ("softmax", Softmax()),
    ]
    let training = data.batches(data.parts.training, size: choices.batch ?? 64, seed: choices.seed)
    let variants = try activations.map { name, activation in
      let net = Sequential {
        Flatten()
        for layer in 1...(choices.layers ?? 5) {
          Dense(choices.hidden ?? 64, weight: .glorotUniform(), bias: .zeros)
            .named("layer\(layer)")
          activation
        }
        Dense(data.classCount, weight: .glorotUniform(), bias: .zeros).named("output")
      }
      return Variant(
        name: name, model: try data.model(net, seed: choices.seed), options: .init(),
        rate: .constant(1e-3), training: training,
        test: data.batches(data.parts.test ?? data.parts.training, size: 500, seed: nil))
    }
    return Comparison(
      title: "Hidden activations", variants: variants, epochs: 5,
      detail: .gradientsByLayer(try training.batch(epoch: 0, index: 0)))
  }

  /// Optimisers, each at a usual learning rate, on LeNet-5.
  static func optimizers(_ choices: RecipeOptions) throws -> Comparison {
    let data = try PictureData(
      choices.requiredData(), seed: choices.seed, decode: choices.decode)
    let optimizers: [(String, any Optimizer, Double)] = [
      ("SGD", SGD(), 0.1), ("momentum", SGD(momentum: 0.9), 0.02),
      ("Nesterov", SGD(momentum: 0.9, nesterov: true), 0.02), ("Adagrad", Adagrad(), 0.01),
      ("Adadelta", Adadelta(), 1), ("RMSProp", RMSProp(), 1e-3), ("Adam", Adam(), 1e-3),
    ]
    var net = LeNet5()
    (net.sizes, net.classes) = (data.sizes, data.classCount)
    let model = try data.model(net.layers, seed: choices.seed)
    let variants = optimizers.map { name, optimizer, rate in
      var options = TrainingOptions()
      options.optimizer = optimizer
      return Variant(
        name: "\(name) \(rate)", model: model, options: options, rate: .constant(rate),
        training: data.batches(data.parts.training, size: choices.batch ?? 64, seed: choices.seed),
        test: data.batches(data.parts.test ?? data.parts.training, size: 500, seed: nil))
    }
    return Comparison(
      title: "Optimisers and their learning rates", variants: variants, epochs: 3)
  }
}

extension PictureData {
  /// A classifier with the input `image` and the output `logits`.
  fileprivate func model(_ net: Sequential, seed: UInt64) throws(ModelError) -> Model {
    try net.model(
      input: "image", Shape(["N"] + sizes.map(Dimension.size)), output: "logits",
      name: "classifier", seed: seed)
  }
}
