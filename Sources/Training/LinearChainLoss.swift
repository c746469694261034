import ONNXFormat
import ONNXOperators

extension Loss {
  /// Adds the nodes of the negative log-likelihood `ln Z − score`, and of the count of correct classes.
  func addLinearChain(
    _ emissions: String, _ type: TensorType, _ names: LinearChainNames,
    _ options: TrainingOptions, _ builder: inout GraphBuilder
  ) throws(TrainingError) -> LossValues {
    guard type.shape?.rank == 3 else {
      throw .model("output '\(emissions)': a linear chain expects scores [N, T, C], got \(type)")
    }
    let chain = ChainScores(emissions, type.elementType, names)
    let isGiven = isGiven(Self.labels, options, &builder)
    let partition = chain.logPartition(isGiven, &builder)
    let score = chain.score(of: Self.labels, isGiven, &builder)
    let number = builder.reduceSum(builder.cast(isGiven, to: type.elementType), keepAxes: false)
    let sum = builder.reduceSum(builder.sub(partition, score), keepAxes: false)
    // If all labels are ignored, the loss is 0 / 1 rather than 0 / 0.
    let divisor = builder.node("Max", [number, builder.scalar(1, type.elementType)])
    let loss = builder.node("Div", [sum, divisor], hint: "loss")
    let equal = builder.node(
      "And", [builder.node("Equal", [names.decoded, Self.labels]), isGiven])
    return LossValues(
      loss: loss, correct: count(equal, &builder, hint: "correct"),
      counted: count(isGiven, &builder, hint: "counted"), labelType: .int64)
  }
}

/// The nodes that compute scores of a linear chain from emissions `[N, T, C]`.
struct ChainScores {
  let emissions: String
  let elementType: ElementType
  let names: LinearChainNames

  init(_ emissions: String, _ elementType: ElementType, _ names: LinearChainNames) {
    self.emissions = emissions
    self.elementType = elementType
    self.names = names
  }

  /// The logarithm of the sum over all sequences of `exp(score)`, `[N]`, by the forward algorithm.
  /// - Parameter isInside: which steps are before the end of a sequence, bool `[N, T]`
  func logPartition(_ isInside: String, _ builder: inout GraphBuilder) -> String {
    let first = builder.squeeze(builder.slice(emissions, from: 0, to: 1))
    let rest = builder.slice(emissions, from: 1)
    let restInside = builder.node(
      "Unsqueeze", [builder.slice(isInside, from: 1), builder.integers([2])])

    let inputs = ["alpha", "emission", "is_inside"].map { builder.unique("chain_\($0)") }
    var body = GraphBuilder(taken: Set(inputs + [names.transitions]))
    let before = body.node("Unsqueeze", [inputs[0], body.integers([2])])
    let sum = body.node(
      "ReduceLogSumExp", [body.add(before, names.transitions), body.integers([1])],
      [.int("keepdims", 0)])
    let alpha = body.node("Where", [inputs[2], body.add(sum, inputs[1]), inputs[0]])
    let graph = Graph(
      name: "forward", nodes: body.nodes, inputs: inputs.map { ValueInfo($0, nil) },
      outputs: [ValueInfo(alpha, nil)], initializers: body.initializers)
    let last = builder.node(
      "Scan", [builder.add(first, names.start), rest, restInside],
      [
        .graph("body", graph), .int("num_scan_inputs", 2), .ints("scan_input_axes", [1, 1]),
      ])
    return builder.node(
      "ReduceLogSumExp", [builder.add(last, names.end), builder.integers([1])],
      [.int("keepdims", 0)])
  }

  /// The score of given classes, `[N]`.
  /// - Parameters:
  ///   - labels: the classes, int64 `[N, T]`
  ///   - isInside: which steps are before the end of a sequence, bool `[N, T]`
  func score(
    of labels: String, _ isInside: String, _ builder: inout GraphBuilder
  ) -> String {
    let zero = builder.constant(Tensor(0 as Int64))
    let classes = builder.node("Where", [isInside, labels, zero])
    let mask = builder.cast(isInside, to: elementType)
    func sum(_ scores: String, _ mask: String) -> String {
      builder.reduceSum(builder.mul(scores, mask), axes: [1], keepAxes: false)
    }
    let emitted = builder.node(
      "GatherElements",
      [emissions, builder.node("Unsqueeze", [classes, builder.integers([2])])], [.int("axis", 2)])
    let unary = sum(builder.squeeze(emitted, axis: 2), mask)

    let count = builder.node("Shape", [emissions], [.int("start", 2)])
    let pairs = builder.add(
      builder.mul(builder.slice(classes, from: 0, to: -1), count), builder.slice(classes, from: 1))
    let flat = builder.reshape(names.transitions, to: builder.integers([-1]))
    let between = sum(builder.node("Gather", [flat, pairs]), builder.slice(mask, from: 1))

    let first = builder.squeeze(builder.slice(classes, from: 0, to: 1))
    let lengths = builder.reduceSum(builder.cast(isInside, to: .int64), axes: [1])
    let lastStep = builder.node("Max", [builder.sub(lengths, builder.integers([1])), zero])
    let last = builder.squeeze(
      builder.node("GatherElements", [classes, lastStep], [.int("axis", 1)]))
    let ends = builder.add(
      builder.node("Gather", [names.start, first]), builder.node("Gather", [names.end, last]))
    return builder.sum([unary, between, ends])
  }
}

extension GraphBuilder {
  /// The elements `first..<end` along axis 1.
  fileprivate mutating func slice(_ x: String, from first: Int, to end: Int = .max) -> String {
    node("Slice", [x, integers([first]), integers([end]), integers([1])])
  }

  /// `x` without an axis of size 1.
  fileprivate mutating func squeeze(_ x: String, axis: Int = 1) -> String {
    node("Squeeze", [x, integers([axis])])
  }
}
