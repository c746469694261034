import ONNXFormat

/// What the result of a step needs to know of each shard; or the sums over all shards.
struct ShardSummary {
  /// The loss times the weight of the shard, and the weight.
  private var loss, weight: Double
  /// The number of labels or examples that the loss is the mean of, and that of correct predictions.
  private var counted, correct: Double
  /// The number of examples.
  private var examples: Double
  /// The number of shards whose rank wants to end.
  private var ends: Double

  static let size = 6
  var tensor: Tensor {
    Tensor(shape: [Self.size], [loss, weight, counted, correct, examples, ends])
  }

  init(_ outputs: [String: Tensor], _ values: LossValues, _ shard: BatchShard, isLast: Bool) {
    func number(_ name: String?) -> Double? { name.map { outputs[$0]?.number ?? .nan } }
    let labels = number(values.counted)
    // An example that does not count may have labels that would.
    let one = shard.exampleCount > 0 ? 1.0 : 0
    examples = Double(shard.exampleCount)
    weight = one * (number(values.weight) ?? labels ?? examples)
    loss = weight * (number(values.loss) ?? .nan)
    counted = one * (labels ?? Double(shard.batch.count))
    correct = one * (number(values.correct) ?? 0)
    ends = isLast ? 1 : 0
  }

  /// The sums.
  init(_ sums: Tensor) throws(TrainingError) {
    guard let numbers = try? sums.array(as: Double.self), numbers.count == Self.size else {
      throw .rank("the sums of the ranks' results have type \(sums.type)")
    }
    (loss, weight, counted) = (numbers[0], numbers[1], numbers[2])
    (correct, examples, ends) = (numbers[3], numbers[4], numbers[5])
  }

  /// Whether any rank wants to end.
  var isLast: Bool { ends > 0 }

  /// The inputs of the update by which it divides the sums. Where no example has a weight, they are 0.
  var divisors: [String: Tensor] {
    [
      ShardUpdate.weight: Tensor(weight > 0 ? weight : 1),
      ShardUpdate.examples: Tensor(examples > 0 ? examples : 1),
    ]
  }

  /// The result of the step.
  func result(_ values: LossValues, gradientNorm: Double) -> StepResult {
    var result = StepResult()
    result.loss = loss / (weight > 0 ? weight : 1)
    result.correct = values.correct.map { _ in Int(exactly: correct) ?? 0 }
    result.counted = counted
    result.weight = values.weight ?? values.counted != nil ? weight : counted
    result.gradientNorm = gradientNorm
    return result
  }
}
