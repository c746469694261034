import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

extension Model {
  /// Replaces batch normalizations in training mode by nodes that use the means and variances of the
  /// whole batch: `mean = Σ Σ x / n` and `variance = Σ Σ (x − mean)² / n`, where the outer sums add the
  /// terms of the shards.
  /// - Returns: The types of these sums and of those of their gradients, in the order of their slots.
  mutating func synchronizeBatchNormalization(
    _ options: TrainingOptions
  ) throws(TrainingError) -> [TensorType] {
    let model = self
    let types = try TrainingError.wrapping { () throws(ModelError) in
      try Differentiation(model, options: options.session)
    }
    var builder = GraphBuilder(taken: graph.allNames)
    var slots: [TensorType] = []
    var nodes: [Node] = []
    for node in graph.nodes {
      guard node.operatorType == "BatchNormalization", node.integer("training_mode") == 1 else {
        nodes.append(node)
        continue
      }
      guard let x = types.type(of: node.inputs[0])?.tensorType, let rank = x.shape?.rank, rank > 1,
        let channels = types.type(of: node.inputs[1])?.tensorType?.shape?.sizes?.first
      else {
        throw .model(
          "batch normalization '\(node.name ?? node.outputs[0])' cannot be synchronized: "
            + "its input needs at least two axes, and its scale a known size")
      }
      let before = builder.nodes.count
      let norm = SynchronizedNorm(
        node: node, elementType: x.elementType, rank: rank, channels: channels,
        running: types.type(of: node.inputs[3])?.tensorType?.elementType ?? .float32)
      norm.add(&slots, &builder)
      nodes += builder.nodes[before...]
    }
    graph.nodes = nodes
    graph.initializers += builder.initializers
    return slots
  }
}

/// The nodes of one normalization.
private struct SynchronizedNorm {
  let node: Node
  let elementType: ElementType
  let rank: Int
  let channels: Int
  let running: ElementType

  /// The type that sums are computed in.
  private var type: ElementType { elementType == .float64 ? .float64 : .float32 }
  /// `[1, C, 1, …]`
  private var shape: [Int] { [1, channels] + Array(repeating: 1, count: rank - 2) }

  func add(_ slots: inout [TensorType], _ builder: inout GraphBuilder) {
    let x = builder.cast(node.inputs[0], to: type)
    // n: the examples of the batch times the elements of an example's channel.
    let plane = builder.node(
      "ReduceProd", [builder.node("Shape", [x], [.int("start", 2)])], [.int("keepdims", 0)])
    let count = builder.mul(
      builder.cast(ShardModel.batchExamples, to: type), builder.cast(plane, to: type))
    let isAny = builder.node("Greater", [ShardModel.examples, builder.scalar(0, .float64)])
    let weight = builder.cast(isAny, to: type)
    func mean(_ values: String) -> String {
      let axes = [0] + Array(2..<rank)
      let term = builder.mul(builder.reduceSum(values, axes: axes), weight)
      let sum = builder.privateNode(
        "AllReduce", [term, ShardModel.shard],
        [.int("slot", slots.count), .int("gradient_slot", slots.count + 1), .int("blocking", 1)])
      slots += [TensorType(type, shape), TensorType(type, shape)]
      return builder.div(sum, count)
    }
    let center = mean(x)
    let difference = builder.sub(x, center)
    let variance = mean(builder.mul(difference, difference))
    let epsilon = builder.scalar(Double(node.number("epsilon") ?? 1e-5), type)
    let normal = builder.div(difference, builder.sqrt(builder.add(variance, epsilon)))
    func channel(_ input: Int) -> String {
      builder.reshape(builder.cast(node.inputs[input], to: type), to: builder.integers(shape))
    }
    let result = builder.add(builder.mul(normal, channel(1)), channel(2))
    name(builder.cast(result, to: elementType), 0, &builder)
    let momentum = Double(node.number("momentum") ?? 0.9)
    for (output, current) in [(1, center), (2, variance)] {
      let new = builder.cast(builder.reshape(current, to: builder.integers([-1])), to: running)
      let old = builder.mul(node.inputs[output + 2], builder.scalar(momentum, running))
      name(
        builder.add(old, builder.mul(new, builder.scalar(1 - momentum, running))), output, &builder)
    }
  }

  /// Gives a value the name of an output of the node.
  private func name(_ value: String, _ output: Int, _ builder: inout GraphBuilder) {
    guard output < node.outputs.count, !node.outputs[output].isEmpty else { return }
    var identity = Node("Identity", inputs: [value], outputs: [node.outputs[output]])
    identity.operatorSetVersion = GraphBuilder.operatorSet
    builder.append(identity)
  }
}
