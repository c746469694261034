import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// Makes steps from shards of batches: a run for each shard of this rank, which adds its gradients to
/// sums over the shards of all ranks, and a run that makes the new parameters from the sums.
final class ShardedStep: TrainingStep {
  let parameters: [String]
  let state: CarriedState
  private(set) var isLast = false
  private let options: TrainingOptions
  private let count: Int
  private let communicator: any Communicator
  private let exchange: ShardExchange
  private let shard: ShardModel
  private let session: Session
  private let update: (model: ShardUpdate, session: Session)
  /// Accumulates gradients, if a step takes several batches.
  private let part: (model: ShardUpdate, session: Session)?
  private let states: StateInputs
  /// The states of the recurrent model, for each shard of this rank.
  private let recurrent: [CarriedState]

  /// - Throws: `TrainingError.model` if there are more ranks than shards.
  init(
    _ model: Model, _ options: TrainingOptions, shards count: Int, _ communicator: any Communicator
  ) throws(TrainingError) {
    let shard = try ShardModel(model, options)
    let summary = TensorType(.float64, [ShardSummary.size])
    let exchange = try ShardExchange(
      slots: shard.waiting + shard.sums.map(\.type) + [summary],
      blocking: Set(shard.waiting.indices), shards: count, communicator: communicator)
    try Self.compare(shard, count, communicator)
    var session = options.session
    session.exchange = exchange
    // Shards that wait for each other run at once, each on a thread of its own.
    if !shard.waiting.isEmpty { session.threads = 1 }
    self.session = try Session.training(shard.step.model, session)
    func update(accumulates: Bool) throws(TrainingError) -> (ShardUpdate, Session) {
      let update = ShardUpdate(shard, options, accumulates: accumulates)
      return (update, try Session.training(update.model, options.session))
    }
    let last = try update(accumulates: false)
    self.update = last
    part = options.accumulation > 1 ? try update(accumulates: true) : nil
    let trained = Set(shard.sums.lazy.filter { !$0.isStatistic }.map(\.name))
    parameters = shard.step.parameters.filter(trained.contains)
    state = CarriedState(shard.step.initial.merging(last.0.initial) { $1 })
    states = StateInputs(model, options)
    recurrent = exchange.localShards.map { _ in CarriedState() }
    (self.options, self.count, self.communicator) = (options, count, communicator)
    (self.shard, self.exchange) = (shard, exchange)
  }

  /// Checks that all ranks add up the same sums, as they do with the same model and options.
  private static func compare(
    _ shard: ShardModel, _ count: Int, _ communicator: any Communicator
  ) throws(TrainingError) {
    guard communicator.size > 1 else { return }
    let own =
      (["\(count)"] + shard.waiting.map { "\($0)" } + shard.sums.map { "\($0.name) \($0.type)" })
    let all = try communicator.gather(Array(own.joined(separator: "\n").utf8))
    guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
    throw .rank(
      "rank \(other) trains another model than rank 0, or with other options: all ranks need the same files "
        + "and options")
  }

  var inputs: [ValueInfo] {
    let own = [ShardModel.shard, ShardModel.examples, ShardModel.batchExamples]
    return session.inputs.filter {
      shard.step.initial[$0.name] == nil && options.states[$0.name] == nil && !own.contains($0.name)
    }
  }

  /// The shards that this rank computes.
  var localShards: Range<Int> { exchange.localShards }

  var localStates: [String: Tensor] {
    var all: [String: Tensor] = [:]
    for (number, states) in zip(localShards, recurrent) {
      for (name, tensor) in states.tensors { all[Self.name(name, number)] = tensor }
    }
    return all
  }

  func setStates(_ tensors: [String: Tensor]) {
    for (number, states) in zip(localShards, recurrent) {
      for name in options.states.keys { states[name] = tensors[Self.name(name, number)] }
    }
  }

  private static func name(_ state: String, _ shard: Int) -> String { "shards/\(shard)/\(state)" }

  func train(
    on batch: Batch, number: Int, rate: Double, isLast: Bool, _ profile: Profile?
  ) throws(TrainingError) -> StepResult {
    let before = recurrent.map(\.tensors)
    let runs = try runs(of: batch, number: number)
    let isPart = (number + 1) % options.accumulation != 0
    let update = isPart ? part ?? update : update
    exchange.begin()
    do throws(TrainingError) {
      try compute(runs, isLast: isLast, profile)
      let computed = ContinuousClock.now
      let sums = try exchange.finish()
      let summed = ContinuousClock.now
      let summary = try ShardSummary(sums[sums.count - 1])
      var inputs = summary.divisors
      for (name, sum) in zip(update.model.sums, sums.dropFirst(shard.waiting.count)) {
        inputs[name] = sum
      }
      if !isPart { inputs[StepModel.rate] = Tensor(rate) }
      let outputs = try TrainingError.wrapping { () throws(ModelError) in
        try update.session.run(
          inputs, state: state, carried: update.model.carried, seed: options.seed, profile: profile)
      }
      var result = summary.result(
        shard.step.values, gradientNorm: outputs[update.model.norm]?.number ?? 0)
      result.shardTimes = ShardTimes(waiting: summed - computed, update: .now - summed)
      guard result.loss.isFinite, result.gradientNorm.isFinite else {
        state.undo()
        var node = try firstNotFinite(runs, before)
        if node == nil {
          node = try StepModel.firstNotFinite(
            update.model.model, inputs, state, seed: options.seed, options.session)
        }
        throw .notFinite(step: number, foundNode: node)
      }
      self.isLast = summary.isLast
      return result
    } catch {
      for (states, tensors) in zip(recurrent, before) {
        for name in options.states.keys { states[name] = tensors[name] }
      }
      throw exchange.failure ?? error
    }
  }

  /// Runs the model on each shard of this rank, and gives the terms to the sums.
  private func compute(
    _ runs: [ShardRun], isLast: Bool, _ profile: Profile?
  ) throws(TrainingError) {
    func compute(_ position: Int) throws(TrainingError) {
      let (run, states) = (runs[position], recurrent[position])
      try self.states.start(run.shard.batch, states)
      let outputs = try TrainingError.wrapping { () throws(ModelError) in
        try session.run(
          run.inputs, state: states, carried: shard.step.carried, seed: run.seed, profile: profile)
      }
      let summary = ShardSummary(outputs, shard.step.values, run.shard, isLast: isLast)
      do throws(OperatorError) {
        try summary.tensor.withUnsafeBytes { bytes throws(OperatorError) in
          try exchange.add(
            bytes, slot: shard.waiting.count + shard.sums.count, shard: run.number)
        }
      } catch { throw .model("\(error)") }
    }
    guard !shard.waiting.isEmpty, runs.count > 1 else {
      for position in runs.indices { try compute(position) }
      return
    }
    concurrently(runs.count, fail: exchange.fail) { position in
      do throws(TrainingError) { try compute(position) } catch { exchange.fail(error) }
    }
    if let failure = exchange.failure { throw failure }
  }

  private func runs(of batch: Batch, number: Int) throws(TrainingError) -> [ShardRun] {
    var shards = batch.shards
    if shards.isEmpty {
      do throws(DataError) {
        for number in localShards { shards.append(try batch.shard(number, of: count)) }
      } catch { throw .model(error.description) }
    }
    let parameters = shard.step.initial.keys.reduce(into: [:]) { $0[$1] = state[$1] }
    return zip(localShards, shards).map { ShardRun($0, $1, parameters, options, step: number) }
  }

  /// The first node with an output that is infinite or NaN, in the first shard that has one.
  private func firstNotFinite(
    _ runs: [ShardRun], _ before: [[String: Tensor]]
  ) throws(TrainingError) -> String? {
    var found: String?
    for (run, tensors) in zip(runs, before) where found == nil {
      let states = CarriedState(tensors)
      try self.states.start(run.shard.batch, states)
      found = try StepModel.firstNotFinite(
        shard.step.model, run.inputs, states, seed: run.seed, options.session)
    }
    let all = try communicator.gather(Array((found ?? "").utf8))
    return all.first { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }
  }
}

/// What a run on a shard takes.
private struct ShardRun {
  let number: Int
  let shard: BatchShard
  let inputs: [String: Tensor]
  /// The seed depends on the shard, not on the rank that computes it.
  let seed: UInt64

  init(
    _ number: Int, _ shard: BatchShard, _ parameters: [String: Tensor], _ options: TrainingOptions,
    step: Int
  ) {
    self.number = number
    self.shard = shard
    var inputs = shard.batch.tensors.merging(parameters) { $1 }
    inputs[ShardModel.shard] = Tensor(Int64(number))
    inputs[ShardModel.examples] = Tensor(Double(shard.exampleCount))
    inputs[ShardModel.batchExamples] = Tensor(Double(shard.batchCount))
    self.inputs = inputs
    var stream = RandomStream(seed: options.seed, UInt64(step), UInt64(number))
    seed = stream.next()
  }
}
