import ONNXFormat

/// The loss and accuracy of a batch, or their means over several.
public struct StepResult: Sendable {
  /// The mean loss.
  public var loss = 0.0
  /// The fraction of correct predictions; `nil` for losses other than cross entropy.
  public var accuracy: Double? { correct.map { counted > 0 ? Double($0) / counted : 0 } }
  /// The number of labels or examples that the loss is the mean of.
  public var counted = 0.0
  /// The sum of their class weights, by which the loss is a mean; without class weights `counted`.
  public var weight = 0.0
  /// The number of correct predictions; `nil` for losses other than cross entropy.
  public var correct: Int?
  /// The norm of all gradients of the last batch before clipping; 0 for an evaluation.
  public var gradientNorm = 0.0
  /// The figures of `TrainingOptions.metrics` by name; empty for a training step.
  public var metrics: [String: Double] = [:]
  /// The times of a training step on shards; zero for one on a whole batch.
  package var shardTimes = ShardTimes()

  /// Creates the result of no batches.
  public init() {}

  init(_ outputs: [String: Tensor], _ model: StepModel, _ batch: Batch) {
    loss = outputs[model.values.loss]?.number ?? .nan
    correct = model.values.correct.flatMap { outputs[$0]?.number }.map { Int($0) }
    counted = model.values.counted.flatMap { outputs[$0]?.number } ?? Double(batch.count)
    weight = model.values.weight.flatMap { outputs[$0]?.number } ?? counted
    gradientNorm = outputs[model.norm]?.number ?? 0
  }

  /// Combines the means with those of another result, weighted by `weight` and `counted`. A metric that
  /// only one result has keeps its value.
  public mutating func add(_ other: StepResult) {
    guard other.counted > 0 else { return }
    if other.weight > 0 {
      let sum = weight + other.weight
      loss = (loss * weight + other.loss * other.weight) / sum
      weight = sum
    }
    metrics.merge(other.metrics) { ($0 * counted + $1 * other.counted) / (counted + other.counted) }
    if let hits = other.correct { correct = (correct ?? 0) + hits }
    counted += other.counted
    gradientNorm = other.gradientNorm
  }
}

/// Parts of the time of a training step on shards.
package struct ShardTimes: Sendable {
  /// From this rank's last gradient until the sums over all ranks are there.
  package var waiting = Duration.zero
  /// The update of the parameters, which every rank computes.
  package var update = Duration.zero
}

extension Tensor {
  /// The only element of a float32, float64 or int64 tensor.
  var number: Double? {
    guard count == 1 else { return nil }
    switch elementType {
    case .float32: return Double(elements(as: Float.self)[0])
    case .float64: return elements(as: Double.self)[0]
    case .int64: return Double(elements(as: Int64.self)[0])
    default: return nil
    }
  }
}
