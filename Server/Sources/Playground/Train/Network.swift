import ONNX

/// A model to train, and the names of the values that the page shows.
struct Network: Sendable {
  struct Layer: Sendable {
    /// The kind, as `LayerDesign.Kind` has it.
    let kind: String
    /// The name of the layer's output.
    let value: String
    /// The name of another value that says more: the outputs of all steps, `[steps, 1, N, units]`.
    var shown: String?
  }

  /// What the scores mean.
  enum Scores: String, Codable, Sendable {
    /// Logarithms of probabilities, up to a constant; the loss is the cross entropy.
    case logits
    /// The probabilities of a softmax; the loss is the cross entropy.
    case softmax
    /// Of a support vector machine: the loss is how far others reach over the right one less 1.
    case svm
    /// The loss is the mean square of the difference to 1 for the right class and 0 for others.
    case regression
  }

  var model: Model
  /// The shape of an example.
  let shape: [Int]
  /// The name of the output, a score for each class.
  let output: String
  let scores: Scores
  let layers: [Layer]
  /// The facts of the layers; for a design the output layer is the last.
  let facts: [LayerFacts]

  /// The name of the input.
  static let input = "input"

  /// The probabilities of the classes.
  func probabilities(_ scores: some Collection<Float>) -> [Float] {
    self.scores == .softmax ? Array(scores) : Evaluation.softmax(scores)
  }

  /// The options of a trainer.
  /// - Parameter classes: the number of classes
  func options(_ design: TrainDesign, classes: Int) -> TrainingOptions {
    var options = TrainingOptions()
    let decay = design.decay
    options.optimizer =
      switch design.optimizer {
      case .sgd: SGD(weightDecay: decay)
      case .momentum: SGD(momentum: 0.9, weightDecay: decay)
      case .nesterov: SGD(momentum: 0.9, nesterov: true, weightDecay: decay)
      case .adagrad: Adagrad(weightDecay: decay)
      case .adadelta: Adadelta(weightDecay: decay)
      case .rmsprop: RMSProp(weightDecay: decay)
      case .adam: Adam(weightDecay: decay)
      }
    options.seed = UInt64(design.seed)
    options.session = Self.sessionOptions
    let labels = TensorType(.int64, [.symbol("N")])
    switch scores {
    case .logits, .softmax: break
    case .svm:
      options.loss = .custom(labels: labels) { _, outputs, labels in
        let (scores, isRight) = (try outputs[0], try oneHot(labels, classes: classes))
        let right = try sum(scores * isRight, axes: [1], keepsAxes: true)
        return try mean(sum(relu(scores - right + 1) * (1 - isRight), axes: [1]))
      }
    case .regression:
      options.loss = .custom(labels: labels) { _, outputs, labels in
        try mean(pow(outputs[0] - oneHot(labels, classes: classes), 2))
      }
    }
    // A factor of ConvNetJS's dropout is no parameter.
    let factor = "*.probability"
    if model.graph.initializers.contains(where: { $0.name?.hasSuffix(".probability") == true }) {
      options.frozen = [factor]
    }
    return options
  }

  /// The options of all sessions of a run, which has one thread.
  static var sessionOptions: SessionOptions {
    var options = SessionOptions()
    options.threads = 1
    options.memoryLimit = 1 << 30
    options.isBatchInvariant = false
    options.maxPlans = 8
    return options
  }
}
