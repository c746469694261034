import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOps

/// A training step as a model: forward, loss, gradients, clipping, update. Parameters and states are
/// inputs, and their new values outputs.
struct StepModel {
  var model: Model
  /// For each input that a step replaces, the output that does.
  var carried: [String: String] = [:]
  /// The parameters that follow their gradients, in the order of the model's initializers.
  let parameters: [String]
  /// First values of the inputs that are carried, and of parameters that are not.
  var initial: [String: Tensor]
  let values: LossValues
  /// The output with the norm of all gradients.
  var norm = ""

  static let rate = "learning_rate"
  static let time = "step_count"

  /// The model with its loss, parameters as inputs.
  /// - Parameter isTraining: whether operators are in training mode and gradients follow
  init(_ model: Model, _ options: TrainingOptions, isTraining: Bool) throws {
    let form = try TrainingForm(model, options: options.session)
    let base =
      isTraining
      ? form.model : try model.withWeightsAsInitializers(options: options.session)
    let updates = isTraining ? form.updates : []
    self.model = base
    var graph = base.graph
    let changing = Set(form.updates.map(\.initializer))
    // Of what nodes made of constants, such as the two values of a one-hot vector, only matrices.
    let stated = Set(model.graph.initializers.compactMap(\.name))
    let states = zeroStates(graph)
    parameters = graph.initializers.compactMap { initializer in
      guard let name = initializer.name, !changing.contains(name), !states.contains(name),
        initializer.tensor.isWeight,
        stated.contains(name) || initializer.tensor.shape.count >= 2,
        !options.frozen.contains(where: { matches(name, pattern: $0) })
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
    let types = try Differentiation(self.model, options: options.session)
    guard let type = types.type(of: output)?.tensorType else {
      throw TrainingError.model("the type of '\(output)' is not known")
    }
    var builder = GraphBuilder(taken: graph.allNames.union([Loss.labels, Self.rate, Self.time]))
    values = try options.loss.add(of: output, type, &builder)
    guard !graph.allNames.contains(Loss.labels) else {
      throw TrainingError.model("the name '\(Loss.labels)' is taken")
    }
    let shape: Shape? =
      options.loss == .crossEntropy
      ? type.shape.map { Shape(Array($0.dimensions.prefix($0.rank == 3 ? 2 : 1))) }
      : type.shape
    graph.inputs.append(ValueInfo(Loss.labels, .tensor(values.labelType, shape)))
    graph.nodes += builder.nodes
    graph.initializers += builder.initializers
    var outputs = [values.loss, values.correct, values.counted].compactMap { $0 }
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

  /// Adds the gradients and what follows from them.
  /// - Parameter accumulates: whether the gradients are only added up, for a later step
  mutating func addUpdate(_ options: TrainingOptions, accumulates: Bool) throws {
    var differentiation = try Differentiation(model, options: options.session)
    let gradients = try differentiation.gradients(of: values.loss, by: parameters)
    var graph = differentiation.graph
    var update = Update(
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
    model.graph = graph
  }

  /// The value that the loss looks at: the output, or what goes into a softmax that makes it.
  private static func scores(_ graph: Graph, _ options: TrainingOptions) throws -> String {
    guard let output = options.output ?? graph.outputs.first?.name,
      graph.outputs.contains(where: { $0.name == output })
    else {
      throw TrainingError.model(
        "no output '\(options.output ?? "")' to train; it has "
          + graph.outputs.map { "'\($0.name)'" }.joined(separator: ", "))
    }
    guard options.loss != .meanSquaredError,
      let last = graph.nodes.first(where: { $0.outputs.first == output }),
      options.loss == .crossEntropy
        ? ["Softmax", "LogSoftmax"].contains(last.operatorType) : last.operatorType == "Sigmoid"
    else { return output }
    return last.inputs[0]
  }
}

extension Tensor {
  /// Whether it looks like something to be trained: more than one number, of floating point.
  fileprivate var isWeight: Bool {
    (elementType == .float32 || elementType == .float64) && !shape.isEmpty && count > 1
  }
}
