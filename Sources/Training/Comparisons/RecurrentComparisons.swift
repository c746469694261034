import ONNXFormat
import ONNXInterpreter

extension Comparison {
  /// Limits to the gradient norm of a simple recurrent network on the adding problem (Pascanu, Mikolov
  /// and Bengio, 2013), and its gradients over distance for recurrent matrices of several scales.
  static func clipping(_ choices: RecipeOptions) throws -> Comparison {
    let (seed, steps) = (choices.seed, choices.steps ?? 30)
    func model(scale: Double) throws(ModelError) -> Model {
      var layer = RNN(choices.hidden ?? 50)
      layer.options.recurrentWeight = .orthogonal(gain: scale)
      layer.options.bias = .zeros
      let net = Sequential {
        layer.last.named("recurrent")
        Dense(1).named("output")
      }
      return try net.model(
        input: "sequence", ["N", "T", 2], output: "sum", name: "adding", seed: seed)
    }
    let names = ["pairs": "sequence", "sums": Loss.labels]
    let test = AddingTask(length: steps, size: 200, batchCount: 5, seed: seed &+ 1)
    let training = AddingTask(
      length: steps, size: choices.batch ?? 20, batchCount: 250, seed: seed)
    let start = try model(scale: 1.2)
    let variants = [("no limit", nil), ("limit 5", 5), ("limit 1", 1)].map { name, limit in
      var options = TrainingOptions()
      options.loss = .meanSquaredError
      options.optimizer = SGD()
      options.clipNorm = limit
      return Variant(
        name: name, model: start, options: options, rate: .constant(0.1),
        training: training.renamed(names), test: test.renamed(names))
    }
    let scales = try [0.5, 0.8, 1, 1.2, 1.5].map { ("scale \($0)", try model(scale: $0)) }
    guard let sequences = try test.batch(epoch: 0, index: 0).tensors["pairs"] else {
      throw DataError("the adding problem has no sequences")
    }
    return Comparison(
      title: "Limits to the gradient norm", variants: variants, epochs: 8,
      detail: .gradientsByDistance(scales, sequences, input: "sequence"))
  }

  /// Windows of truncated backpropagation through time. Each token repeats that of `lag` steps before
  /// with a probability of 0.9, so a model has to remember so many steps. All variants carry their states
  /// from window to window and see the same number of tokens per step, but no gradient reaches back
  /// beyond a window.
  static func windows(_ choices: RecipeOptions) throws -> Comparison {
    let (lag, kinds, count) = (8, 4, choices.batch ?? 800)
    func tokens(_ length: Int, _ name: String) -> [Int32] {
      var random = RandomStream(seed: choices.seed, name: name)
      var tokens: [Int32] = []
      for step in 0..<length {
        let repeats = step >= lag && random.uniform() < 0.9
        tokens.append(repeats ? tokens[step - lag] : Int32(random.integer(below: kinds)))
      }
      return tokens
    }
    let (training, test) = (tokens(160_000, "training"), tokens(20_000, "test"))
    let names = ["tokens": "tokens", "targets": Loss.labels]
    let variants = try [2, 5, 10, 20, 40].map { window in
      var net = LanguageModel.charRNN(vocabulary: kinds)
      (net.layers, net.hidden) = (1, choices.hidden ?? 64)
      var options = TrainingOptions()
      options.clipNorm = 1
      options.states = ["h": "h_out"]
      return Variant(
        name: "\(window) steps", model: try net.model(seed: choices.seed), options: options,
        rate: .constant(3e-3),
        training: try TokenStreams(
          training, streams: count / window, window: window, dropsRest: true
        ).renamed(names),
        test: try TokenStreams(test, streams: 20, window: 100).renamed(names))
    }
    return Comparison(
      title: "Windows of backpropagation through time", variants: variants, epochs: 8,
      detail: .gradientsByStep)
  }
}
