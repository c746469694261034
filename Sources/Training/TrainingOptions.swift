import ONNXInterpreter

/// The options of a training step: loss, optimiser, clipping, frozen parameters.
public struct TrainingOptions: Sendable {
  /// The loss. The default is cross entropy.
  public var loss = Loss.crossEntropy
  /// The label of positions that cross entropy leaves out.
  public var ignoredLabel = Loss.ignored
  /// A weight of at least 0 for each class, by which cross entropy weights the labels in its mean;
  /// `nil` for equal weights. Accuracies are not weighted.
  public var classWeights: [Float]?
  /// Further figures of a validation, by name, such as the accuracy among the first five.
  public var metrics: [String: Metric] = [:]
  /// The output that the loss takes; `nil` for the model's first. If a softmax computes it and the
  /// loss is cross entropy, the loss takes the softmax's input instead.
  public var output: String?
  /// The optimiser. The default is Adam.
  public var optimizer: any Optimizer = Adam()
  /// The largest magnitude of a gradient's element. Larger ones are clipped to it.
  public var clipValue: Double?
  /// The largest norm of all gradients together. Larger gradients are scaled down to it.
  public var clipNorm: Double?
  /// Limits to the norms of parameters' vectors.
  public var maxNorms: [MaxNorm] = []
  /// Patterns with `*` and `?` for initializers that are not trained: for their names, or those of
  /// PyTorch's parameters where an exporter notes modules. A pattern that matches nothing is an error.
  /// A batch normalization whose scale and bias are frozen stays in inference mode, as in Keras.
  public var frozen: [String] = []
  /// Patterns for the only initializers that are trained; empty for all that are not frozen. A pattern
  /// that matches nothing is an error.
  public var trained: [String] = []
  /// Patterns with `*` and `?` for values that the gradient treats as constants: it does not flow
  /// through them. A pattern that matches nothing is an error.
  public var stopped: [String] = []
  /// The number of shards that a batch is cut into along the first axis of its tensors; `nil` for none.
  ///
  /// The loss and the gradients of shards are added in a fixed order, so that the bits of the result
  /// depend on the number of shards, but not on the number of processes that compute them. A shard has
  /// batch statistics, random numbers and states of its own.
  public var shards: Int?
  /// Whether batch normalization uses the mean and variance of the whole batch rather than those of each
  /// shard.
  public var synchronizesBatchNorm = false
  /// The number of batches whose mean gradient makes one step.
  public var accumulation = 1
  /// The state inputs of a recurrent model, and for each the output that provides its value for the
  /// next batch (truncated backpropagation through time).
  public var states: [String: String] = [:]
  /// The seed of all random numbers, such as those of dropout.
  public var seed: UInt64 = 1
  /// The options of the sessions that run the steps. A step adds up gradients over its batch, so the
  /// products need not be batch-invariant, and by default they are not.
  public var session = SessionOptions()

  /// Creates the default options.
  public init() { session.isBatchInvariant = false }

  /// - Throws: `TrainingError.model` for numbers that make no sense, or not together.
  func check(_ communicator: (any Communicator)?) throws(TrainingError) {
    guard accumulation >= 1 else {
      throw .model("expected at least 1 batch per step, got \(accumulation)")
    }
    if let shards, !(1...4096).contains(shards) {
      throw .model("expected 1 to 4096 shards, got \(shards)")
    }
    guard shards == nil, communicator != nil || synchronizesBatchNorm else { return }
    throw .model(
      communicator != nil
        ? "the ranks share the shards of a batch, but TrainingOptions.shards is not set"
        : "batch normalization is synchronized over shards, but TrainingOptions.shards is not set")
  }
}

/// A limit to the norm of a parameter's vectors. Longer vectors are scaled down after each step
/// (Hinton et al., 2012).
public struct MaxNorm: Sendable {
  /// A pattern with `*` and `?` for the names of the parameters.
  public var pattern: String
  /// The largest norm.
  public var limit: Double
  /// The axis along which a vector lies.
  public var axis: Int

  /// Creates a limit for the parameters whose names match a pattern.
  public init(_ pattern: String, limit: Double, axis: Int) {
    self.pattern = pattern
    self.limit = limit
    self.axis = axis
  }
}

/// Whether a pattern with `*` (any text) and `?` (any character) matches the whole name.
func matches(_ name: String, pattern: String) -> Bool {
  let text = Array(name.unicodeScalars)
  let pattern = Array(pattern.unicodeScalars)
  var (i, j) = (0, 0)
  // Where to continue when the last star has to match one more character.
  var retry: (text: Int, pattern: Int)?
  while i < text.count {
    if j < pattern.count, pattern[j] == "*" {
      retry = (i, j)
      j += 1
    } else if j < pattern.count, pattern[j] == "?" || pattern[j] == text[i] {
      i += 1
      j += 1
    } else if let last = retry {
      retry = (last.text + 1, last.pattern)
      i = last.text + 1
      j = last.pattern + 1
    } else {
      return false
    }
  }
  return pattern[j...].allSatisfy { $0 == "*" }
}
