import ONNXDifferentiation
import ONNXFormat
import ONNXOperators

/// The function that training minimises. Labels or targets are an input named `Loss.labels`.
public enum Loss: Sendable {
  /// The mean of `−ln softmax(scores)[label]`. Scores are `[N, C]` or `[N, T, C]`, labels int64 `[N]`
  /// or `[N, T]`. Labels equal to `TrainingOptions.ignoredLabel` are left out of the mean, which
  /// `TrainingOptions.classWeights` weights. It is 0 if all labels are left out.
  case crossEntropy
  /// The mean of `(y − t)²` over all elements. Targets have the output's shape and element type.
  case meanSquaredError
  /// The mean of `ln(1 + eʸ) − t·y` over all elements: the cross entropy of `σ(y)` and targets from 0
  /// to 1, which have the output's shape and element type.
  case binaryCrossEntropy
  /// The mean of the output's elements, for a model that computes its own loss. There are no labels.
  case mean
  /// The negative log-likelihood of a linear-chain conditional random field (Lafferty, McCallum and
  /// Pereira, 2001), summed over sequences and divided by the number of labels. Scores are the
  /// emissions `[N, T, C]`, labels the classes int64 `[N, T]`, equal to `TrainingOptions.ignoredLabel` past the end of
  /// a sequence. The model has the parameters and the decoded classes that the chain names.
  case linearChain(LinearChainNames)
  /// A loss that a closure builds; see `custom(labels:_:)`.
  case custom(CustomLoss)

  /// Whether this is the cross entropy.
  public var isCrossEntropy: Bool { if case .crossEntropy = self { true } else { false } }

  /// The name of the input that takes the labels or targets.
  public static let labels = "labels"
  /// The label that marks a position without one, such as the padding of a sequence, unless
  /// `TrainingOptions.ignoredLabel` is another. PyTorch has the same.
  public static let ignored: Int64 = -100
}

/// The names of the values that the nodes of a loss compute.
struct LossValues {
  var loss: String
  /// The number of correct predictions; cross entropy only.
  var correct: String?
  /// The number of labels that are not ignored; cross entropy only.
  var counted: String?
  /// The sum of the weights of these labels; cross entropy with class weights only.
  var weight: String?
  /// The predicted class of each label, flattened; cross entropy only.
  var predicted: String?
  /// The number of classes, if it is known; cross entropy only.
  var classCount: Int?
  /// The element type of the labels; `nil` if there are none.
  var labelType: ElementType?
}

extension Loss {
  /// Adds the nodes that compute the loss of `output`.
  /// - Parameters:
  ///   - type: The output's type. Its rank must be known.
  ///   - graph: The model's graph, to which a custom loss adds inputs.
  ///   - types: The types of the model's values.
  func add(
    of output: String, _ type: TensorType, _ options: TrainingOptions, to graph: inout Graph,
    _ types: Differentiation, _ builder: inout GraphBuilder
  ) throws(TrainingError) -> LossValues {
    guard isCrossEntropy || options.classWeights == nil else {
      throw .model("class weights need the cross entropy as the loss")
    }
    switch self {
    case .crossEntropy: return try addCrossEntropy(output, type, options, &builder)
    case .meanSquaredError:
      let difference = builder.sub(output, Self.labels)
      let loss = builder.node(
        "ReduceMean", [builder.mul(difference, difference)], [.int("keepdims", 0)], hint: "loss")
      return LossValues(loss: loss, labelType: type.elementType)
    case .binaryCrossEntropy:
      // ln(1 + eʸ) = max(y, 0) + ln(1 + e^−|y|), which Softplus computes.
      let terms = builder.sub(
        builder.node("Softplus", [output]), builder.mul(output, Self.labels))
      let loss = builder.node("ReduceMean", [terms], [.int("keepdims", 0)], hint: "loss")
      return LossValues(loss: loss, labelType: type.elementType)
    case .mean:
      return LossValues(
        loss: builder.node("ReduceMean", [output], [.int("keepdims", 0)], hint: "loss"))
    case .linearChain(let names): return try addLinearChain(output, type, names, options, &builder)
    case .custom(let loss): return try loss.add(type, options, to: &graph, types, &builder)
    }
  }

  /// The activations that the loss includes, and so skips at the end of a model.
  var activations: [String] {
    switch self {
    case .crossEntropy: ["Softmax", "LogSoftmax"]
    case .binaryCrossEntropy: ["Sigmoid"]
    case .meanSquaredError, .linearChain, .mean, .custom: []
    }
  }

  /// The shape of the labels for scores of a shape.
  func labelShape(_ scores: Shape?) -> Shape? {
    switch self {
    case .crossEntropy, .linearChain:
      scores.map { Shape(Array($0.dimensions.prefix($0.rank == 3 ? 2 : 1))) }
    case .meanSquaredError, .binaryCrossEntropy, .mean: scores
    case .custom(let loss): loss.labels?.shape ?? scores
    }
  }

  private func addCrossEntropy(
    _ output: String, _ type: TensorType, _ options: TrainingOptions,
    _ builder: inout GraphBuilder
  ) throws(TrainingError) -> LossValues {
    var rank = type.shape?.rank ?? 0
    var scores = output
    if rank > 3, type.shape?.dropFirst(2).allSatisfy({ $0.size == 1 }) == true {
      // Global pooling leaves [N, C, 1, 1].
      scores = builder.node("Flatten", [output], [.int("axis", 1)])
      rank = 2
    }
    guard rank == 2 || rank == 3 else {
      throw .model(
        "output '\(output)': cross entropy expects scores [N, C] or [N, T, C], got \(type)")
    }
    let classCount = type.shape.flatMap { $0[rank == 3 ? 2 : 1].size }
    var labels = Self.labels
    if rank == 3 {
      let classes = builder.node("Shape", [output], [.int("start", 2)])
      scores = builder.reshape(
        output, to: builder.node("Concat", [builder.integers([-1]), classes], [.int("axis", 0)]))
      labels = builder.reshape(labels, to: builder.integers([-1]))
    }
    let isCounted = isGiven(labels, options, &builder)
    let counted = count(isCounted, &builder, hint: "counted")
    var inputs = [scores, labels]
    var weight: String?
    if let numbers = options.classWeights {
      let weights = try Self.weights(numbers, classCount, type.elementType, &builder)
      inputs.append(weights)
      let places = builder.node(
        "Where", [isCounted, labels, builder.constant(Tensor(Int64(0)))])
      let chosen = builder.node("Gather", [weights, places])
      let nothing = builder.scalar(0, type.elementType)
      weight = builder.node(
        "ReduceSum", [builder.node("Where", [isCounted, chosen, nothing])], [.int("keepdims", 0)],
        hint: "weight")
    }
    let sum = builder.node(
      "SoftmaxCrossEntropyLoss", inputs,
      [.int("ignore_index", Int(options.ignoredLabel)), .string("reduction", "sum")],
      hint: "loss_sum")
    // If all labels are ignored, the loss is 0 / 1 rather than 0 / 0.
    let total = weight ?? builder.cast(counted, to: type.elementType)
    let isAny = builder.node("Greater", [total, builder.scalar(0, type.elementType)])
    let divisor = builder.node(
      "Where", [isAny, total, builder.scalar(1, type.elementType)])
    let best = builder.node("ArgMax", [scores], [.int("axis", 1), .int("keepdims", 0)])
    return LossValues(
      loss: builder.node("Div", [sum, divisor], hint: "loss"),
      correct: count(builder.node("Equal", [best, labels]), &builder, hint: "correct"),
      counted: counted, weight: weight, predicted: best, classCount: classCount,
      labelType: .int64)
  }

  /// Adds the class weights as a constant.
  private static func weights(
    _ numbers: [Float], _ classCount: Int?, _ type: ElementType, _ builder: inout GraphBuilder
  ) throws(TrainingError) -> String {
    if let classCount, numbers.count != classCount {
      throw .model("expected \(classCount) class weights, one for each class, got \(numbers.count)")
    }
    guard numbers.allSatisfy({ $0.isFinite && $0 >= 0 }), numbers.contains(where: { $0 > 0 }) else {
      throw .model("expected class weights of at least 0 that are not all 0, got \(numbers)")
    }
    let tensor = Tensor(shape: [numbers.count], numbers)
    let constant = builder.constant(tensor, hint: "class_weights")
    return type == .float32 ? constant : builder.cast(constant, to: type)
  }

  /// Which labels are not ignored.
  func isGiven(
    _ labels: String, _ options: TrainingOptions, _ builder: inout GraphBuilder
  ) -> String {
    let ignored = builder.constant(Tensor(options.ignoredLabel))
    return builder.node("Not", [builder.node("Equal", [labels, ignored])])
  }

  func count(_ flags: String, _ builder: inout GraphBuilder, hint: String) -> String {
    builder.node(
      "ReduceSum", [builder.cast(flags, to: .int64)], [.int("keepdims", 0)], hint: hint)
  }
}
