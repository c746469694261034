import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// The model of a shard's run: forward pass, loss times the weight of the shard, and the gradients of
/// that product, each of which goes into a sum over the shards as soon as it is made.
struct ShardModel {
  /// A sum over the shards.
  struct Sum {
    /// The parameter whose gradient it is, or the running statistic whose values it adds.
    let name: String
    let type: TensorType
    let isStatistic: Bool
  }

  private(set) var step: StepModel
  /// The sums in the order of their slots. Those for which shards wait come first.
  private(set) var sums: [Sum] = []
  /// The sums for which shards wait.
  let waiting: [TensorType]

  /// The number of the shard, an int64 scalar.
  static let shard = "shard_number"
  /// The number of examples in the shard, and in the batch, float64 scalars.
  static let examples = "shard_examples"
  static let batchExamples = "batch_examples"

  init(_ model: Model, _ options: TrainingOptions) throws(TrainingError) {
    step = try StepModel(model, options, isTraining: true)
    let taken = step.model.graph.allNames
    let scalars: [(name: String, type: ElementType)] = [
      (Self.shard, .int64), (Self.examples, .float64), (Self.batchExamples, .float64),
    ]
    for (name, type) in scalars {
      guard !taken.contains(name) else {
        throw .model("the model has a value named '\(name)', as the steps of shards do; rename it")
      }
      step.model.graph.inputs.append(ValueInfo(name, .tensor(type, [])))
    }
    waiting =
      options.synchronizesBatchNorm
      ? try step.model.synchronizeBatchNormalization(options) : []

    let statistics = step.carried.filter { options.states[$0.key] == nil }
    step.carried = step.carried.filter { options.states[$0.key] != nil }
    step.model.graph.outputs.removeAll { output in statistics.values.contains(output.name) }
    let (weighted, terms) = try addWeights(statistics, options)
    let gradients = try step.addGradients(of: weighted, options)
    addSums(gradients, terms)
  }

  /// Adds the products of the loss and of the running statistics with their weights.
  private mutating func addWeights(
    _ statistics: [String: String], _ options: TrainingOptions
  ) throws(TrainingError) -> (loss: String, statistics: [String: String]) {
    var builder = GraphBuilder(taken: step.model.graph.allNames)
    let (model, values) = (step.model, step.values)
    let types = try TrainingError.wrapping { () throws(ModelError) in
      try Differentiation(model, options: options.session)
    }
    let type = types.type(of: values.loss)?.tensorType?.elementType ?? .float32
    var weight = builder.cast(Self.examples, to: type)
    if let counted = values.weight ?? values.counted {
      // An example that does not count has labels that would.
      let isAny = builder.node("Greater", [Self.examples, builder.scalar(0, .float64)])
      weight = builder.node(
        "Where", [isAny, builder.cast(counted, to: type), builder.scalar(0, type)])
    }
    let weighted = builder.mul(values.loss, weight)
    var terms: [String: String] = [:]
    for (name, output) in statistics.sorted(by: { $0.key < $1.key }) {
      let type = step.initial[name]?.elementType ?? .float32
      terms[name] = builder.mul(output, builder.cast(Self.examples, to: type))
    }
    step.model.graph.nodes += builder.nodes
    step.model.graph.initializers += builder.initializers
    return (weighted, terms)
  }

  /// Puts a node behind each term that gives it to its sum.
  private mutating func addSums(_ gradients: [String: String], _ statistics: [String: String]) {
    var places: [String: Int] = [:]
    for (place, node) in step.model.graph.nodes.enumerated() {
      for output in node.outputs { places[output] = place }
    }
    let terms =
      step.parameters.compactMap { name in gradients[name].map { (name, $0, false) } }
      + statistics.sorted { $0.key < $1.key }.map { ($0.key, $0.value, true) }
    let last = step.model.graph.nodes.count - 1
    let ordered = terms.enumerated().map { (order: $0, term: $1, place: places[$1.1] ?? last) }
      .sorted { ($0.place, $0.order) < ($1.place, $1.order) }

    var builder = GraphBuilder(taken: step.model.graph.allNames)
    var added: [Int: [Node]] = [:]
    for (_, (name, value, isStatistic), place) in ordered {
      guard let type = step.initial[name]?.type else { continue }
      let slot = waiting.count + sums.count
      let done = builder.privateNode(
        "AllReduce", [value, Self.shard], [.int("slot", slot)], hint: "\(name)/added")
      added[place, default: []] += builder.nodes.suffix(1)
      sums.append(Sum(name: name, type: type, isStatistic: isStatistic))
      // Otherwise no output of the run would depend on the node.
      step.model.graph.outputs.append(ValueInfo(done, nil))
    }
    let nodes = step.model.graph.nodes
    step.model.graph.nodes = nodes.enumerated().flatMap { [$1] + (added[$0] ?? []) }
  }
}
