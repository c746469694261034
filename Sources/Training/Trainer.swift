import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOps

/// Trains a model, whoever made it, a batch at a time.
///
/// Equal options, model and batches give equal bits, whatever the number of threads, and whether or
/// not the training was interrupted and resumed in between. One thread at a time may use it.
public final class Trainer {
  public let options: TrainingOptions
  /// The parameters that are trained, by the names of the model's initializers.
  public let parameters: [String]
  let source: Model
  let state: CarriedState
  private let step: StepModel
  private let stepSession: Session
  /// Adds up gradients, where several batches make a step.
  private let partStep: (model: StepModel, session: Session)?
  private let evaluation: StepModel
  private let evaluationSession: Session
  /// Batches that were trained on.
  public internal(set) var batchCount = 0

  /// - Throws: `TrainingError` where the model cannot be trained so, `ModelError` where it would not
  ///   run, or has a node without gradient between a parameter and the loss.
  public init(_ model: Model, _ options: TrainingOptions) throws {
    guard options.accumulation >= 1 else {
      throw TrainingError.model("expected at least 1 batch a step, got \(options.accumulation)")
    }
    self.options = options
    source = model
    var step = try StepModel(model, options, isTraining: true)
    try step.addUpdate(options, accumulates: false)
    parameters = step.parameters.filter { step.carried[$0] != nil }
    guard !parameters.isEmpty else {
      throw TrainingError.model("nothing to train: no parameter that the loss depends on is free")
    }
    self.step = step
    stepSession = try Session(step.model, options: options.session)
    if options.accumulation > 1 {
      var part = try StepModel(model, options, isTraining: true)
      try part.addUpdate(options, accumulates: true)
      partStep = (part, try Session(part.model, options: options.session))
    } else {
      partStep = nil
    }
    evaluation = try StepModel(model, options, isTraining: false)
    evaluationSession = try Session(evaluation.model, options: options.session)
    state = CarriedState(step.initial)
  }

  /// The inputs that a batch has to give.
  public var inputs: [ValueInfo] {
    stepSession.inputs.filter {
      step.initial[$0.name] == nil && options.states[$0.name] == nil && $0.name != StepModel.rate
    }
  }

  /// Trains on a batch.
  /// - Throws: `TrainingError.notFinite`, the state being what it was before the batch.
  public func train(
    on batch: Batch, rate: Double, profile: Profile? = nil
  ) throws -> StepResult {
    let isPart = (batchCount + 1) % options.accumulation != 0
    let (model, session) = isPart ? partStep ?? (step, stepSession) : (step, stepSession)
    var inputs = batch.tensors
    if !isPart { inputs[StepModel.rate] = Tensor(rate) }
    try startStates(batch, state, isForced: batch.startsState)
    var stream = RandomStream(seed: options.seed, UInt64(batchCount))
    let seed = stream.next()
    let outputs = try session.run(
      inputs, state: state, carried: model.carried, seed: seed, profile: profile)
    let result = StepResult(outputs, model, batch)
    guard result.loss.isFinite, result.gradientNorm.isFinite else {
      state.undo()
      throw TrainingError.notFinite(
        step: batchCount,
        node: try firstNotFinite(model, inputs, seed) ?? "no node: the next run was finite")
    }
    batchCount += 1
    return result
  }

  /// Loss and hits on a batch, with operators as they are when the model is run.
  /// - Parameter states: what the states of a recurrent model are carried in
  public func evaluate(on batch: Batch, states: CarriedState) throws -> StepResult {
    try startStates(batch, states, isForced: batch.startsState)
    let all = CarriedState(state.tensors.filter { evaluation.initial[$0.key] != nil })
    for (name, tensor) in states.tensors { all[name] = tensor }
    let outputs = try evaluationSession.run(
      batch.tensors, state: all, carried: evaluation.carried, seed: options.seed)
    for name in options.states.keys { states[name] = all[name] }
    return StepResult(outputs, evaluation, batch)
  }

  /// Loss and hits on all batches.
  public func evaluate(_ batches: any BatchSource) throws -> StepResult {
    let states = CarriedState()
    var total = StepResult()
    for index in 0..<batches.batchCount {
      total.add(try evaluate(on: batches.batch(epoch: 0, index: index), states: states))
    }
    return total
  }

  /// The outputs of the model, as it is now, for inputs by name.
  public func predict(_ inputs: [String: Tensor]) throws -> [String: Tensor] {
    try Session(model, options: options.session).run(inputs)
  }

  /// The model with its parameters as they are now; standard operators only, if it had none else.
  public var model: Model {
    get throws {
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

  /// Zero states where a text begins, or where the batch has another size than the last.
  private func startStates(_ batch: Batch, _ state: CarriedState, isForced: Bool) throws {
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
        throw TrainingError.model("state '\(info.name)': its shape is not declared")
      }
      var wanted: [Int] = []
      for dimension in shape {
        switch dimension {
        case .size(let size): wanted.append(size)
        case .symbol(let name) where sizes[name] != nil: wanted.append(sizes[name] ?? 0)
        default:
          throw TrainingError.model("state '\(info.name)': no input says what \(dimension) is")
        }
      }
      if isForced || state[info.name]?.shape != wanted {
        state[info.name] = zeros(TensorType(type.elementType, wanted))
      }
    }
  }

  /// Runs the step again with every value as an output, and finds where it first went wrong.
  private func firstNotFinite(
    _ model: StepModel, _ inputs: [String: Tensor], _ seed: UInt64
  ) throws -> String? {
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

/// How a step, or many, went.
public struct StepResult: Sendable {
  /// The mean loss of the examples that count.
  public var loss = 0.0
  /// The share of the labels that were hit; `nil` where there are none.
  public var accuracy: Double? { correct.map { counted > 0 ? Double($0) / counted : 0 } }
  /// What the loss is the mean of.
  public var counted = 0.0
  public var correct: Int?
  /// The norm of all gradients, before they are clipped; 0 of an evaluation.
  public var gradientNorm = 0.0

  public init() {}

  init(_ outputs: [String: Tensor], _ model: StepModel, _ batch: Batch) {
    loss = outputs[model.values.loss]?.number ?? .nan
    correct = model.values.correct.flatMap { outputs[$0]?.number }.map { Int($0) }
    counted = model.values.counted.flatMap { outputs[$0]?.number } ?? Double(batch.count)
    gradientNorm = outputs[model.norm]?.number ?? 0
  }

  /// Takes another result into the mean.
  public mutating func add(_ other: StepResult) {
    guard other.counted > 0 else { return }
    let sum = counted + other.counted
    loss = (loss * counted + other.loss * other.counted) / sum
    if let hits = other.correct { correct = (correct ?? 0) + hits }
    counted = sum
    gradientNorm = other.gradientNorm
  }
}

extension Tensor {
  /// The only element of a float32, float64 or int64 tensor.
  fileprivate var number: Double? {
    guard count == 1 else { return nil }
    switch elementType {
    case .float32: return Double(elements(as: Float.self)[0])
    case .float64: return elements(as: Double.self)[0]
    case .int64: return Double(elements(as: Int64.self)[0])
    default: return nil
    }
  }

  /// Whether no element is infinite or no number.
  fileprivate var isFinite: Bool {
    switch elementType {
    case .float32: elements(as: Float.self).allSatisfy(\.isFinite)
    case .float64: elements(as: Double.self).allSatisfy(\.isFinite)
    default: true
    }
  }
}
