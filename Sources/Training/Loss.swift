import ONNXFormat
import ONNXOperators

/// The function that training minimises. Labels or targets are an input named `Loss.labels`.
public enum Loss: Sendable, Hashable {
  /// The mean of `−ln softmax(scores)[label]`. Scores are `[N, C]` or `[N, T, C]`, labels int64 `[N]`
  /// or `[N, T]`. Labels equal to `Loss.ignored` are left out of the mean.
  case crossEntropy
  /// The mean of `(y − t)²` over all elements. Targets have the output's shape and element type.
  case meanSquaredError
  /// The mean of `ln(1 + eʸ) − t·y` over all elements: the cross entropy of `σ(y)` and targets from 0
  /// to 1, which have the output's shape and element type.
  case binaryCrossEntropy
  /// The negative log-likelihood of a linear-chain conditional random field (Lafferty, McCallum and
  /// Pereira, 2001), summed over sequences and divided by the number of labels. Scores are the
  /// emissions `[N, T, C]`, labels the classes int64 `[N, T]`, equal to `Loss.ignored` past the end of
  /// a sequence. The model has the parameters and the decoded classes that the chain names.
  case linearChain(LinearChainNames)

  /// The name of the input that takes the labels or targets.
  public static let labels = "labels"
  /// The label that marks a position without one, such as the padding of a sequence.
  public static let ignored: Int64 = -100
}

/// The names of the values that the nodes of a loss compute.
struct LossValues {
  var loss: String
  /// The number of correct predictions; cross entropy only.
  var correct: String?
  /// The number of labels that are not ignored; cross entropy only.
  var counted: String?
  /// The element type of the labels.
  var labelType: ElementType
}

extension Loss {
  /// Adds the nodes that compute the loss of `output`.
  /// - Parameter type: The output's type. Its rank must be known.
  func add(
    of output: String, _ type: TensorType, _ builder: inout GraphBuilder
  ) throws(TrainingError) -> LossValues {
    switch self {
    case .crossEntropy: return try addCrossEntropy(output, type, &builder)
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
    case .linearChain(let names): return try addLinearChain(output, type, names, &builder)
    }
  }

  /// The activations that the loss includes, and so skips at the end of a model.
  var activations: [String] {
    switch self {
    case .crossEntropy: ["Softmax", "LogSoftmax"]
    case .binaryCrossEntropy: ["Sigmoid"]
    case .meanSquaredError, .linearChain: []
    }
  }

  /// The shape of the labels for scores of a shape.
  func labelShape(_ scores: Shape?) -> Shape? {
    switch self {
    case .crossEntropy, .linearChain:
      scores.map { Shape(Array($0.dimensions.prefix($0.rank == 3 ? 2 : 1))) }
    case .meanSquaredError, .binaryCrossEntropy: scores
    }
  }

  private func addCrossEntropy(
    _ output: String, _ type: TensorType, _ builder: inout GraphBuilder
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
    var labels = Self.labels
    if rank == 3 {
      let classes = builder.node("Shape", [output], [.int("start", 2)])
      scores = builder.reshape(
        output, to: builder.node("Concat", [builder.integers([-1]), classes], [.int("axis", 0)]))
      labels = builder.reshape(labels, to: builder.integers([-1]))
    }
    let loss = builder.node(
      "SoftmaxCrossEntropyLoss", [scores, labels],
      [.int("ignore_index", Int(Self.ignored)), .string("reduction", "mean")], hint: "loss")
    let best = builder.node("ArgMax", [scores], [.int("axis", 1), .int("keepdims", 0)])
    let correct = count(builder.node("Equal", [best, labels]), &builder, hint: "correct")
    let isCounted = isGiven(labels, &builder)
    return LossValues(
      loss: loss, correct: correct, counted: count(isCounted, &builder, hint: "counted"),
      labelType: .int64)
  }

  /// Which labels are not ignored.
  func isGiven(_ labels: String, _ builder: inout GraphBuilder) -> String {
    let ignored = builder.constant(Tensor(Self.ignored))
    return builder.node("Not", [builder.node("Equal", [labels, ignored])])
  }

  func count(_ flags: String, _ builder: inout GraphBuilder, hint: String) -> String {
    builder.node(
      "ReduceSum", [builder.cast(flags, to: .int64)], [.int("keepdims", 0)], hint: hint)
  }
}
