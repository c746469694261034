import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// Trains a model, one batch at a time.
///
/// The model may come from a file or from layers. Equal models, options and batches give equal bits,
/// regardless of the number of threads and of interruptions. A trainer may be used by one thread at a
/// time.
public final class Trainer {
  /// The options that the trainer was created with.
  public let options: TrainingOptions
  /// The names of the initializers that are trained.
  public let parameters: [String]
  let source: Model
  let step: any TrainingStep
  /// The processes that train together, if batches are cut into shards.
  let communicator: (any Communicator)?
  private let evaluation: StepModel
  private let evaluationSession: Session
  private let states: StateInputs
  /// The number of batches trained on.
  public internal(set) var batchCount = 0
  /// Whether this rank wants the next batch to be the last one.
  var wantsEnd = false

  /// Creates a trainer for a model.
  /// - Parameter communicator: The processes that share the shards of each batch; `nil` if this one
  ///   computes all of them.
  /// - Throws: `TrainingError.model` if the model cannot be trained with these options, or there are more
  ///   ranks than shards; `TrainingError.interpreter` if it does not run or a node between a parameter and
  ///   the loss has no gradient.
  public init(
    _ model: Model, _ options: TrainingOptions, communicator: (any Communicator)? = nil
  ) throws(TrainingError) {
    let model = model.separatingMergedVectors()
    try options.check(communicator)
    self.options = options
    source = model
    if let shards = options.shards {
      let communicator = communicator ?? SingleProcess()
      step = try ShardedStep(model, options, shards: shards, communicator)
      self.communicator = communicator
    } else {
      step = try WholeStep(model, options)
      self.communicator = nil
    }
    parameters = step.parameters
    guard !parameters.isEmpty else {
      throw .model(
        "there is nothing to train: the loss depends on no parameter, or all of them are frozen")
    }
    evaluation = try StepModel(model, options, isTraining: false)
    try options.metrics.check(hasLabels: evaluation.values.labelType != nil)
    evaluationSession = try Session.training(evaluation.model, options.session)
    states = StateInputs(model, options)
  }

  /// The parameters, running statistics and optimiser states.
  var state: CarriedState { step.state }

  /// The inputs that every batch must contain.
  public var inputs: [ValueInfo] { step.inputs }

  /// Trains on a batch.
  ///
  /// If several ranks train together, all of them take the same batch, and each computes its shards.
  /// - Parameters:
  ///   - rate: The learning rate.
  ///   - profile: Records the time of every node.
  /// - Throws: `TrainingError.notFinite` if the loss or a gradient is infinite or NaN,
  ///   `TrainingError.interpreter` if the batch does not fit the model, `TrainingError.model` if it cannot
  ///   be cut into shards. The parameters are then as they were before the batch.
  public func train(
    on batch: Batch, rate: Double, profile: Profile? = nil
  ) throws(TrainingError) -> StepResult {
    try check(batch)
    let result = try step.train(
      on: batch, number: batchCount, rate: rate, isLast: wantsEnd, profile)
    batchCount += 1
    return result
  }

  /// Computes the loss, accuracy and metrics of a batch with operators in inference mode.
  /// - Parameter states: Carries the states of a recurrent model from batch to batch.
  /// - Throws: `TrainingError.interpreter` if the batch does not fit the model.
  public func evaluate(
    on batch: Batch, states: CarriedState
  ) throws(TrainingError) -> StepResult {
    try outcome(of: batch, states: states).result
  }

  /// The result of a batch, and the predicted class of each label if the loss is cross entropy.
  private func outcome(
    of batch: Batch, states: CarriedState
  ) throws(TrainingError) -> (result: StepResult, predicted: Tensor?) {
    try check(batch)
    try self.states.start(batch, states)
    let all = CarriedState(state.tensors.filter { evaluation.initial[$0.key] != nil })
    for (name, tensor) in states.tensors { all[name] = tensor }
    let outputs = try TrainingError.wrapping { () throws(ModelError) in
      try evaluationSession.run(
        batch.tensors, state: all, carried: evaluation.carried, seed: options.seed)
    }
    for name in options.states.keys { states[name] = all[name] }
    var result = StepResult(outputs, evaluation, batch)
    result.metrics = try options.metrics.values(
      ModelOutputs(source.graph.outputs.map(\.name), outputs), batch.tensors[Loss.labels])
    return (result, evaluation.values.predicted.flatMap { outputs[$0] })
  }

  /// Computes the mean loss, accuracy and metrics of all batches of epoch 0. If several ranks train
  /// together and nothing observes the batches, they share the work, and all of them make this call.
  /// - Parameter observe: Receives each batch's labels and predicted classes, both flattened, if the
  ///   loss is cross entropy.
  /// - Throws: `TrainingError` as for one batch, and errors of the source.
  public func evaluate(
    _ batches: any BatchSource,
    _ observe: ((_ labels: [Int64], _ predicted: [Int64]) -> Void)? = nil
  ) throws -> StepResult {
    var total = StepResult()
    if observe == nil, let results = try dividedResults(batches) {
      for result in results { total.add(result) }
      return total
    }
    let states = CarriedState()
    for index in 0..<batches.batchCount {
      let batch = try batches.batch(epoch: 0, index: index)
      let (result, predicted) = try outcome(of: batch, states: states)
      total.add(result)
      if let observe, let predicted, let labels = batch.tensors[Loss.labels] {
        observe(try labels.array(as: Int64.self), try predicted.array(as: Int64.self))
      }
    }
    return total
  }

  /// The number of classes that the loss tells apart; `nil` if it is not known or the loss is not
  /// cross entropy.
  public var classCount: Int? { evaluation.values.classCount }

  /// Checks that every label is that of a class or ignored.
  /// - Parameter source: The data that has the labels, for the error.
  /// - Throws: `TrainingError.label`
  public func check(
    labels: some Sequence<Int64>, in source: String
  ) throws(TrainingError) {
    guard let classCount else { return }
    let classes = 0..<Int64(classCount)
    for label in labels where !classes.contains(label) && label != options.ignoredLabel {
      throw .label(
        label, source: source, classCount: classCount, ignored: options.ignoredLabel)
    }
  }

  private func check(_ batch: Batch) throws(TrainingError) {
    for batch in [batch] + batch.shards.map(\.batch) {
      guard let labels = batch.tensors[Loss.labels], labels.elementType == .int64 else { continue }
      try check(labels: labels.elements(as: Int64.self), in: "batch \(batchCount)")
    }
  }

  /// Runs the model with its current parameters.
  /// - Returns: The outputs by name.
  /// - Throws: `ModelError` if the inputs do not fit the model.
  public func predict(_ inputs: [String: Tensor]) throws(ModelError) -> [String: Tensor] {
    try Session(model, options: options.session).run(inputs)
  }

  /// The model with its current parameters. It has no operators that the original lacks.
  /// - Throws: `ModelError`
  public var model: Model {
    get throws(ModelError) {
      let names = Set(source.graph.initializers.compactMap(\.name))
      let trained = evaluation.initial.keys
      var model =
        trained.allSatisfy(names.contains)
        ? source : try source.withWeightsAsInitializers(options: options.session)
      for index in model.graph.initializers.indices {
        guard let name = model.graph.initializers[index].name, evaluation.initial[name] != nil,
          let tensor = state[name]
        else { continue }
        model.graph.initializers[index].tensor = tensor
      }
      model.trainingInfos = []
      return model
    }
  }
}
