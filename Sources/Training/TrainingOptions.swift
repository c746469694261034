import ONNXInterpreter

/// How a model is trained.
public struct TrainingOptions: Sendable {
  public var loss = Loss.crossEntropy
  /// The output that the loss looks at; `nil` for the model's first. A softmax at its end is left
  /// out of training, since cross entropy has one of its own.
  public var output: String?
  public var optimizer: any Optimizer = Adam()
  /// Largest magnitude of a gradient's element; larger ones are cut to it.
  public var clipValue: Double?
  /// Largest norm of all gradients together; larger ones are scaled down to it.
  public var clipNorm: Double?
  public var maxNorms: [MaxNorm] = []
  /// Initializers that stay as they are, by patterns with `*` and `?`.
  public var frozen: [String] = []
  /// Batches whose gradients make one step together.
  public var accumulation = 1
  /// Inputs that hold the state of a recurrent model, and the outputs they take it from at the next
  /// step: truncated backpropagation through time.
  public var states: [String: String] = [:]
  /// What everything random follows from.
  public var seed: UInt64 = 1
  /// How sessions for steps and evaluation run. Since a step adds up gradients over its batch, the
  /// products need not be batch-invariant, and by default are not.
  public var session = SessionOptions()

  public init() { session.isBatchInvariant = false }
}

/// A limit to the norm of a parameter's vectors: longer ones are scaled down after each step
/// (Hinton et al., 2012).
public struct MaxNorm: Sendable {
  /// Which parameters, by a pattern with `*` and `?`.
  public var pattern: String
  public var limit: Double
  /// The axis along which a vector lies.
  public var axis: Int

  public init(_ pattern: String, limit: Double, axis: Int) {
    self.pattern = pattern
    self.limit = limit
    self.axis = axis
  }
}

/// Whether a pattern with `*` (any text) and `?` (any character) describes the whole name.
public func matches(_ name: String, pattern: String) -> Bool {
  let text = Array(name.unicodeScalars)
  let pattern = Array(pattern.unicodeScalars)
  var (i, j) = (0, 0)
  // Where to go on when a star has to take one character more.
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
