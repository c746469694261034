import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// The model that makes new parameters from sums over the shards of a batch: means, clipping, the
/// optimiser's formula, and limits to norms.
struct ShardUpdate {
  private(set) var model: Model
  /// The output that replaces each parameter, running statistic and optimiser state.
  private(set) var carried: [String: String]
  /// The initial values of the optimiser's states.
  let initial: [String: Tensor]
  /// The output that holds the norm of all gradients.
  let norm: String
  /// The input for each sum, in the order of the sums.
  let sums: [String]

  /// The sum of the weights, and the number of examples in the batch, float64 scalars.
  static let weight = "weight_sum"
  static let examples = "example_sum"

  /// - Parameter accumulates: Whether the gradients are only added to those of earlier batches.
  init(_ shard: ShardModel, _ options: TrainingOptions, accumulates: Bool) {
    let initial = shard.step.initial
    var builder = GraphBuilder(taken: Set(initial.keys).union([Self.weight, Self.examples]))
    var graph = Graph(name: "update")
    graph.inputs = [
      ValueInfo(Self.weight, .tensor(.float64, [])),
      ValueInfo(Self.examples, .tensor(.float64, [])),
    ]
    var divisors: [String: String] = [:]
    var gradients: [String: String] = [:]
    var parameters: [(name: String, type: TensorType)] = []
    carried = [:]
    var inputs: [String] = []
    for sum in shard.sums {
      let input = builder.unique("\(sum.name)/shard_sum")
      inputs.append(input)
      graph.inputs.append(ValueInfo(input, .tensor(sum.type)))
      let (total, type) = (sum.isStatistic ? Self.examples : Self.weight, sum.type.elementType)
      let divisor = divisors["\(total) \(type)"] ?? builder.cast(total, to: type)
      divisors["\(total) \(type)"] = divisor
      let mean = builder.div(input, divisor)
      if sum.isStatistic {
        carried[sum.name] = mean
        graph.inputs.append(ValueInfo(sum.name, .tensor(sum.type)))
      } else {
        gradients[sum.name] = mean
      }
    }
    // The order of the model's initializers, as in a step without shards.
    for name in shard.step.parameters where gradients[name] != nil {
      guard let type = initial[name]?.type else { continue }
      parameters.append((name, type))
      graph.inputs.append(ValueInfo(name, .tensor(type)))
    }
    graph.nodes = builder.nodes
    graph.initializers = builder.initializers
    graph.outputs = carried.values.sorted().map { ValueInfo($0, nil) }
    var update = UpdateGraph(
      options, taken: graph.allNames.union(initial.keys), gradients: gradients,
      parameters: parameters)
    if accumulates { update.accumulate() } else { update.apply() }
    graph.nodes += update.builder.nodes
    graph.initializers += update.builder.initializers
    graph.inputs += update.inputs
    graph.outputs += ([update.norm] + update.carried.values.sorted()).filter { !$0.isEmpty }.map {
      ValueInfo($0, nil)
    }
    carried.merge(update.carried) { $1 }
    (self.initial, norm, sums) = (update.initial, update.norm, inputs)
    model = shard.step.model
    model.graph = graph
  }
}
