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
  let state: CarriedState
  private let step: StepModel
  private let stepSession: Session
  /// Accumulates gradients, if a step takes several batches.
  private let partStep: (model: StepModel, session: Session)?
  private let evaluation: StepModel
  private let evaluationSession: Session
  /// The number of batches trained on.
  public internal(set) var batchCount = 0

  /// Creates a trainer for a model.
  /// - Throws: `TrainingError.model` if the model cannot be trained with these options,
  ///   `TrainingError.interpreter` if it does not run or a node between a parameter and the loss has
  ///   no gradient.
  public init(_ model: Model, _ options: TrainingOptions) throws(TrainingError) {
    let model = model.separatingMergedVectors()
    guard options.accumulation >= 1 else {
      throw .model("expected at least 1 batch per step, got \(options.accumulation)")
    }
    func session(_ model: Model) throws(TrainingError) -> Session {
      try TrainingError.wrapping { () throws(ModelError) in
        try Session(model, options: options.session)
      }
    }
    self.options = options
    source = model
    var step = try StepModel(model, options, isTraining: true)
    try step.addUpdate(options, accumulates: false)
    parameters = step.parameters.filter { step.carried[$0] != nil }
    guard !parameters.isEmpty else {
      throw .model(
        "there is nothing to train: the loss depends on no parameter, or all of them are frozen")
    }
    self.step = step
    stepSession = try session(step.model)
    if options.accumulation > 1 {
      var part = try StepModel(model, options, isTraining: true)
      try part.addUpdate(options, accumulates: true)
      partStep = (part, try session(part.model))
    } else {
      partStep = nil
    }
    try options.metrics.check(hasLabels: step.values.labelType != nil)
    evaluation = try StepModel(model, options, isTraining: false)
    evaluationSession = try session(evaluation.model)
    state = CarriedState(step.initial)
  }

  /// The inputs that every batch must contain.
  public var inputs: [ValueInfo] {
    stepSession.inputs.filter {
      step.initial[$0.name] == nil && options.states[$0.name] == nil && $0.name != StepModel.rate
    }
  }

  /// Trains on a batch.
  /// - Parameters:
  ///   - rate: The learning rate.
  ///   - profile: Records the time of every node.
  /// - Throws: `TrainingError.notFinite` if the loss or a gradient is infinite or NaN,
  ///   `TrainingError.interpreter` if the batch does not fit the model. The parameters are then as
  ///   they were before the batch.
  public func train(
    on batch: Batch, rate: Double, profile: Profile? = nil
  ) throws(TrainingError) -> StepResult {
    try check(batch)
    let isPart = (batchCount + 1) % options.accumulation != 0
    let (model, session) = isPart ? partStep ?? (step, stepSession) : (step, stepSession)
    var inputs = batch.tensors
    if !isPart { inputs[StepModel.rate] = Tensor(rate) }
    try startStates(batch, state, isForced: batch.startsState)
    var stream = RandomStream(seed: options.seed, UInt64(batchCount))
    let seed = stream.next()
    let outputs = try TrainingError.wrapping { () throws(ModelError) in
      try session.run(inputs, state: state, carried: model.carried, seed: seed, profile: profile)
    }
    let result = StepResult(outputs, model, batch)
    guard result.loss.isFinite, result.gradientNorm.isFinite else {
      state.undo()
      let node = try TrainingError.wrapping { () throws(ModelError) in
        try firstNotFinite(model, inputs, seed)
      }
      throw .notFinite(step: batchCount, node: node ?? "no node: a second run was finite")
    }
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
    try startStates(batch, states, isForced: batch.startsState)
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

  /// Computes the mean loss, accuracy and metrics of all batches of epoch 0.
  /// - Parameter observe: Receives each batch's labels and predicted classes, both flattened, if the
  ///   loss is cross entropy.
  /// - Throws: `TrainingError` as for one batch, and errors of the source.
  public func evaluate(
    _ batches: any BatchSource,
    _ observe: ((_ labels: [Int64], _ predicted: [Int64]) -> Void)? = nil
  ) throws -> StepResult {
    let states = CarriedState()
    var total = StepResult()
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
    guard let labels = batch.tensors[Loss.labels], labels.elementType == .int64 else { return }
    try check(labels: labels.elements(as: Int64.self), in: "batch \(batchCount)")
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

  /// Resets the states to zero where a text begins or the batch size changes.
  private func startStates(
    _ batch: Batch, _ state: CarriedState, isForced: Bool
  ) throws(TrainingError) {
    guard !options.states.isEmpty else { return }
    var sizes: [String: Int] = [:]
    for info in source.graph.inputs {
      guard let shape = info.type?.tensorType?.shape, let tensor = batch.tensors[info.name] else {
        continue
      }
      for (dimension, size) in zip(shape, tensor.shape) {
        if case .symbol(let name) = dimension { sizes[name] = size }
      }
    }
    for info in source.graph.inputs where options.states[info.name] != nil {
      guard let type = info.type?.tensorType, let shape = type.shape else {
        throw .model("state '\(info.name)': the model does not declare its shape")
      }
      var wanted: [Int] = []
      for dimension in shape {
        switch dimension {
        case .size(let size): wanted.append(size)
        case .symbol(let name) where sizes[name] != nil: wanted.append(sizes[name] ?? 0)
        default:
          throw .model("state '\(info.name)': no input of the batch determines size \(dimension)")
        }
      }
      if isForced || state[info.name]?.shape != wanted {
        state[info.name] = zeros(TensorType(type.elementType, wanted))
      }
    }
  }

  /// Runs the step again with every value as an output.
  /// - Returns: The first node with an output that is infinite or NaN.
  private func firstNotFinite(
    _ model: StepModel, _ inputs: [String: Tensor], _ seed: UInt64
  ) throws(ModelError) -> String? {
    var all = model.model
    all.graph.outputs = all.graph.nodes.flatMap(\.outputs).filter { !$0.isEmpty }.map {
      ValueInfo($0, nil)
    }
    var options = options.session
    options.passes = []
    let copy = CarriedState(state.tensors)
    let session = try Session(all, options: options)
    let values = try session.run(inputs, state: copy, carried: [:], seed: seed)
    for node in all.graph.nodes {
      for output in node.outputs where values[output]?.isFinite == false {
        return "'\(node.name ?? output)' (\(node.operatorType))"
      }
    }
    return nil
  }
}

extension Tensor {
  /// Whether no element is infinite or NaN.
  fileprivate var isFinite: Bool {
    switch elementType {
    case .float32: elements(as: Float.self).allSatisfy(\.isFinite)
    case .float64: elements(as: Double.self).allSatisfy(\.isFinite)
    default: true
    }
  }
}
