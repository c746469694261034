import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// A training step as a model: forward pass, loss, gradients, clipping, update. Parameters and states
/// are inputs, and their new values are outputs.
struct StepModel {
  var model: Model
  /// The output that replaces each carried input.
  var carried: [String: String] = [:]
  /// The trained parameters, in the order of the model's initializers.
  let parameters: [String]
  /// The initial values of carried inputs and of all parameters.
  var initial: [String: Tensor]
  let values: LossValues
  /// The output that holds the norm of all gradients.
  var norm = ""

  static let rate = "learning_rate"
  static let time = "step_count"

  /// Creates the forward pass and the loss, with parameters as inputs.
  /// - Parameter isTraining: Whether operators are in training mode.
  init(_ model: Model, _ options: TrainingOptions, isTraining: Bool) throws(TrainingError) {
    let plain = try TrainingError.wrapping { () throws(ModelError) in
      try model.withWeightsAsInitializers(options: options.session)
    }
    let choice = try ParameterChoice(
      plain.graph, frozen: options.frozen, trained: options.trained,
      producer: model.producerName)
    let form = try TrainingError.wrapping { () throws(ModelError) in
      try TrainingForm(plain, fixed: choice.isFrozen, options: options.session)
    }
    let base = isTraining ? form.model : plain
    let updates = isTraining ? form.updates : []
    self.model = base
    var graph = base.graph
    let changing = Set(form.updates.map(\.initializer))
    // Of the tensors that nodes compute from constants, only matrices are parameters: the two
    // values of a one-hot vector, for one, are not. Nor is a bank of filters.
    let filters = Set(
      model.graph.nodes.lazy.filter { $0.operatorType == "MelWeightMatrix" }.flatMap(\.outputs))
    let stated = Set(model.graph.initializers.compactMap(\.name))
    let states = zeroStates(graph)
    parameters = graph.initializers.compactMap { initializer in
      guard let name = initializer.name, !changing.contains(name), !states.contains(name),
        choice.isWeight(name, initializer.tensor), !choice.isFrozen(name),
        !choice.isStatistic(name),
        stated.contains(name) || initializer.tensor.shape.count >= 2 && !filters.contains(name)
      else { return nil }
      return name
    }
    let inputs = Set(parameters).union(changing)
    initial = [:]
    for initializer in graph.initializers {
      guard let name = initializer.name, inputs.contains(name) else { continue }
      initial[name] = initializer.tensor
      if !graph.inputs.contains(where: { $0.name == name }) {
        graph.inputs.append(ValueInfo(name, .tensor(initializer.tensor.type)))
      }
    }
    graph.initializers.removeAll { inputs.contains($0.name ?? "") }

    // The loss.
    let output = try Self.scores(graph, options)
    self.model.graph = graph
    let typed = self.model
    let types = try TrainingError.wrapping { () throws(ModelError) in
      try Differentiation(typed, options: options.session)
    }
    guard let type = types.type(of: output)?.tensorType else {
      throw .model("the type of output '\(output)' cannot be inferred")
    }
    var builder = GraphBuilder(taken: graph.allNames.union([Loss.labels, Self.rate, Self.time]))
    values = try options.loss.add(of: output, type, options, to: &graph, types, &builder)
    guard !graph.allNames.contains(Loss.labels) else {
      throw .model(
        "the model has a value named '\(Loss.labels)', the name of the training labels; rename it")
    }
    if let labelType = values.labelType {
      graph.inputs.append(
        ValueInfo(Loss.labels, .tensor(labelType, options.loss.labelShape(type.shape))))
    }
    graph.nodes += builder.nodes
    graph.initializers += builder.initializers
    var outputs = [
      values.loss, values.correct, values.counted, values.weight,
      isTraining ? nil : values.predicted,
    ].compactMap { $0 }
    if !isTraining, !options.metrics.isEmpty {
      let states = Set(options.states.values)
      outputs += base.graph.outputs.map(\.name).filter { !states.contains($0) }
    }
    for (input, state) in options.states {
      carried[input] = state
      outputs.append(state)
    }
    for (initializer, output) in updates {
      carried[initializer] = output
      outputs.append(output)
    }
    graph.outputs = outputs.map { ValueInfo($0, nil) }
    graph.valueInfos = []
    self.model.graph = graph
  }

  /// Adds the gradients and the update of the parameters.
  /// - Parameter accumulates: Whether the gradients are only added to those of earlier batches.
  mutating func addUpdate(
    _ options: TrainingOptions, accumulates: Bool
  ) throws(TrainingError) {
    let gradients = try addGradients(of: values.loss, options)
    var graph = model.graph
    var update = UpdateGraph(
      options, taken: graph.allNames, gradients: gradients,
      parameters: parameters.compactMap { name in
        gradients[name] == nil ? nil : initial[name].map { (name, $0.type) }
      })
    if accumulates { update.accumulate() } else { update.apply() }
    norm = update.norm
    graph.nodes += update.builder.nodes
    graph.initializers += update.builder.initializers
    graph.inputs += update.inputs
    carried.merge(update.carried) { $1 }
    initial.merge(update.initial) { $1 }
    graph.outputs += ([norm] + update.carried.values.sorted()).filter { !$0.isEmpty }.map {
      ValueInfo($0, nil)
    }
    self.model.graph = graph
  }

  /// Adds the gradients of a value.
  /// - Returns: The gradient of each parameter that the value depends on.
  mutating func addGradients(
    of value: String, _ options: TrainingOptions
  ) throws(TrainingError) -> [String: String] {
    let (model, parameters) = (model, parameters)
    let stopped = try Self.stopped(model.graph, options.stopped)
    let (graph, gradients) = try TrainingError.wrapping { () throws(ModelError) in
      var differentiation = try Differentiation(model, options: options.session)
      differentiation.stopped = stopped
      let gradients = try differentiation.gradients(of: value, by: parameters)
      return (differentiation.graph, gradients)
    }
    self.model.graph = graph
    return gradients
  }

  /// The values of the graph that match the patterns.
  private static func stopped(
    _ graph: Graph, _ patterns: [String]
  ) throws(TrainingError) -> Set<String> {
    let values = NamePatterns(patterns)
    let names = Set(graph.nodes.flatMap(\.outputs))
    if let pattern = values.unmatched(by: names).first {
      throw .model("no value matches \(pattern.quoted), at which the gradient is to stop")
    }
    return names.filter(values.contains)
  }

  /// The value that the loss takes: the output, or the input of the softmax that computes it.
  private static func scores(
    _ graph: Graph, _ options: TrainingOptions
  ) throws(TrainingError) -> String {
    guard let output = options.output ?? graph.outputs.first?.name,
      graph.outputs.contains(where: { $0.name == output })
    else {
      let names = graph.outputs.map { "'\($0.name)'" }.joined(separator: ", ")
      throw .model(
        options.output.map { "the model has no output '\($0)'; its outputs are \(names)" }
          ?? "the model has no output")
    }
    guard let last = graph.nodes.first(where: { $0.outputs.first == output }),
      options.loss.activations.contains(last.operatorType)
    else { return output }
    return last.inputs[0]
  }
}
