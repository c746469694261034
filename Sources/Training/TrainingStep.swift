import ONNXFormat
import ONNXInterpreter

/// The part of a trainer that makes its steps: from whole batches, or from their shards.
protocol TrainingStep: AnyObject {
  /// The trained parameters, in the order of the model's initializers.
  var parameters: [String] { get }
  /// The inputs that every batch must contain.
  var inputs: [ValueInfo] { get }
  /// The parameters, running statistics and optimiser states, and the states of the recurrent model if
  /// they are those of whole batches.
  var state: CarriedState { get }
  /// The states of the recurrent model for the shards of this rank, by name.
  var localStates: [String: Tensor] { get }
  /// Whether any rank wanted the last batch to be the last one.
  var isLast: Bool { get }

  /// Replaces the states of the recurrent model by those of a checkpoint.
  func setStates(_ tensors: [String: Tensor])

  /// Trains on a batch.
  /// - Parameters:
  ///   - number: The number of the batch since the beginning.
  ///   - isLast: Whether this rank wants it to be the last batch.
  func train(
    on batch: Batch, number: Int, rate: Double, isLast: Bool, _ profile: Profile?
  ) throws(TrainingError) -> StepResult
}

/// Makes steps from whole batches, each with one run.
final class WholeStep: TrainingStep {
  let parameters: [String]
  let state: CarriedState
  let localStates: [String: Tensor] = [:]
  private(set) var isLast = false
  private let options: TrainingOptions
  private let step: StepModel
  private let session: Session
  /// Accumulates gradients, if a step takes several batches.
  private let part: (model: StepModel, session: Session)?
  private let states: StateInputs

  init(_ model: Model, _ options: TrainingOptions) throws(TrainingError) {
    self.options = options
    var step = try StepModel(model, options, isTraining: true)
    try step.addUpdate(options, accumulates: false)
    parameters = step.parameters.filter { step.carried[$0] != nil }
    session = try Session.training(step.model, options.session)
    if options.accumulation > 1 {
      var part = try StepModel(model, options, isTraining: true)
      try part.addUpdate(options, accumulates: true)
      self.part = (part, try Session.training(part.model, options.session))
    } else {
      part = nil
    }
    self.step = step
    state = CarriedState(step.initial)
    states = StateInputs(model, options)
  }

  var inputs: [ValueInfo] {
    session.inputs.filter {
      step.initial[$0.name] == nil && options.states[$0.name] == nil && $0.name != StepModel.rate
    }
  }

  func setStates(_ tensors: [String: Tensor]) {
    for name in options.states.keys { state[name] = tensors[name] }
  }

  func train(
    on batch: Batch, number: Int, rate: Double, isLast: Bool, _ profile: Profile?
  ) throws(TrainingError) -> StepResult {
    let isPart = (number + 1) % options.accumulation != 0
    let (model, session) = isPart ? part ?? (step, session) : (step, session)
    var inputs = batch.tensors
    if !isPart { inputs[StepModel.rate] = Tensor(rate) }
    try states.start(batch, state)
    var stream = RandomStream(seed: options.seed, UInt64(number))
    let seed = stream.next()
    let outputs = try TrainingError.wrapping { () throws(ModelError) in
      try session.run(inputs, state: state, carried: model.carried, seed: seed, profile: profile)
    }
    let result = StepResult(outputs, model, batch)
    guard result.loss.isFinite, result.gradientNorm.isFinite else {
      state.undo()
      throw .notFinite(
        step: number,
        foundNode: try StepModel.firstNotFinite(
          model.model, inputs, state, seed: seed, options.session))
    }
    self.isLast = isLast
    return result
  }
}

extension Session {
  /// A session that runs a part of a training step.
  static func training(
    _ model: Model, _ options: SessionOptions
  ) throws(TrainingError) -> Session {
    try TrainingError.wrapping { () throws(ModelError) in try Session(model, options: options) }
  }
}
