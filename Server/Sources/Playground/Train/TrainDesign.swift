import ONNX
import Serving

/// All that determines a training run: the data, the layers, the optimiser and the seeds. Equal designs
/// give equal bits.
struct TrainDesign: Codable, Sendable, Equatable {
  /// The optimisers.
  enum OptimizerKind: String, Codable, Sendable, CaseIterable {
    case sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam
  }

  var data: DataChoice
  /// The layers before the output layer, which has a unit for each class and is added to any network.
  var layers: [LayerDesign]
  var optimizer = OptimizerKind.adam
  /// The learning rate to begin with.
  var rate = 0.01
  /// The number of examples of a step.
  var batch = 32
  /// The factor of the penalty for large parameters.
  var decay = 0.0
  /// Determines the initial parameters, the order of the examples and what dropout drops.
  var seed = 1
  /// For a network that the page has not designed, what its scores mean. It has no `layers`.
  var imported: Network.Scores?
}

extension TrainDesign {
  static let mostLayers = 24
  static let rates = 0.0...100.0
  static let seeds = 0...Int(Int32.max)

  /// The facts of each layer, the last being the output layer.
  func facts() throws(LayerProblem) -> [LayerFacts] {
    guard layers.count <= Self.mostLayers else {
      throw LayerProblem(
        layer: Self.mostLayers,
        sentence: "a network has at most \(Self.mostLayers) layers, found \(layers.count)")
    }
    var (shape, facts) = (data.shape, [LayerFacts]())
    var budget = LayerBudget(batch: batch, input: shape)
    let all = layers + [LayerDesign(.dense, units: data.classes.count)]
    for (index, layer) in all.enumerated() {
      let number = index < layers.count ? "layer \(index + 1)" : "the output layer"
      do throws(Sentence) {
        let next = try layer.facts(after: shape, isLastRecurrent: isLastRecurrent(index))
        try budget.add(next)
        shape = next.shape
        facts.append(next)
      } catch {
        throw LayerProblem(layer: index, sentence: "\(number) (\(layer.kind)): \(error.text)")
      }
    }
    return facts
  }

  /// Whether no later layer reads the steps that a recurrent layer writes.
  private func isLastRecurrent(_ index: Int) -> Bool {
    !layers.dropFirst(index + 1).contains { $0.kind.isRecurrent }
  }

  /// Checks everything, before anything is built.
  /// - Throws: `ServingError`
  func check() throws(ServingError) {
    func check<T: Comparable>(
      _ value: T, _ name: String, _ range: ClosedRange<T>
    ) throws(ServingError) {
      guard range.contains(value) else {
        throw ServingError(
          .badRequest,
          "\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
      }
    }
    try check(rate, "the learning rate", Self.rates)
    try check(batch, "the batch size", 1...512)
    try check(decay, "the weight decay", 0...1)
    try check(seed, "the seed", Self.seeds)
    try check(data.seed, "the seed of the data", Self.seeds)
    try check(data.noise, "the noise", 0...1)
    do { _ = try facts() } catch { throw ServingError(.badRequest, error.sentence) }
  }

  /// Builds the network.
  /// - Throws: `ModelError`, `LayerProblem`
  func network() throws -> Network {
    let facts = try facts()
    let m = ModelBuilder(seed: UInt64(seed))
    var x = try m.input(Network.input, Shape([.symbol("N")] + data.shape.map(Dimension.size)))
    var values: [String] = []
    for (index, layer) in layers.enumerated() {
      x = try m.scope("\(index + 1)_\(layer.kind)") { m throws(ModelError) in
        try layer.add(to: x, isLastRecurrent: isLastRecurrent(index), m)
      }
      values.append(x.name)
    }
    let scores = try m.scope("output") { m throws(ModelError) in
      try Dense(data.classes.count)(x.rank > 2 ? Flatten()(x, in: m) : x, in: m)
    }
    try m.output("scores", scores, shape: ["N", .size(data.classes.count)])
    let model = try m.model(name: "playground")
    return Network(
      model: model, shape: data.shape, output: "scores", scores: .logits,
      layers: zip(layers, values).enumerated().map { index, layer in
        let steps = model.graph.nodes.first {
          layer.0.kind.isRecurrent && $0.operatorType.lowercased() == layer.0.kind.rawValue
            && $0.outputs[0].hasPrefix("\(index + 1)_")
        }
        return .init(kind: layer.0.kind.rawValue, value: layer.1, shown: steps?.outputs[0])
      }, facts: facts)
  }
}
