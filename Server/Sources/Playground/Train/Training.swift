import ONNX
import Serving

/// A network in training. One thread uses it.
final class Training {
  let design: TrainDesign
  let examples: TrainExamples
  let network: Network
  let probe: Probe
  private(set) var trainer: Trainer
  private let batches: MappedBatches
  private let labels: [Int]

  /// The learning rate of the next steps.
  var rate: Double
  /// The validation example whose maps are shown.
  var shown = 0
  /// The curves so far.
  private(set) var history = TrainHistory()
  /// The newest evaluation.
  private(set) var evaluation: Evaluation?
  /// The steps of a second, measured over the last two seconds of training.
  private(set) var stepsPerSecond = 0.0

  private var sum = StepResult()
  private var pace: [(time: ContinuousClock.Instant, step: Int)] = []
  private var lastRecord = ContinuousClock.now
  private var lastEvaluation = ContinuousClock.now
  private var evaluationCost = Duration.zero
  private static let interval = Duration.milliseconds(100)

  /// Builds the network, which must have passed `TrainDesign.facts`.
  /// - Throws: `ModelError`, `TrainingError`
  init(
    _ design: TrainDesign, _ examples: TrainExamples, imported model: Model? = nil
  ) throws {
    self.design = design
    network =
      try model.map { model throws in try ImportedNetwork.network(model, design) }
      ?? design.network()
    self.examples = examples.fitted(to: network.shape)
    probe = try Probe(network)
    let classes = examples.choice.classes.count
    trainer = try Trainer(network.model, network.options(design, classes: classes))
    batches = self.examples.trainBatches(size: design.batch, seed: UInt64(design.seed))
    labels = examples.validationLabels
    rate = design.rate
    try begin()
  }

  /// Continues from a snapshot.
  /// - Throws: `TrainingError` for a checkpoint of another design
  convenience init(_ snapshot: TrainSnapshot, _ examples: TrainExamples) throws {
    try self.init(snapshot.design, examples, imported: snapshot.imported)
    try snapshot.checkpoint.restore(trainer)
    rate = snapshot.rate
    history = snapshot.history
    try evaluate()
  }

  /// The number of steps so far.
  var step: Int { trainer.batchCount }
  /// The number of times that all examples were used.
  var epoch: Double { Double(step) / Double(batches.batchCount) }

  /// Trains on the next batch.
  /// - Throws: `TrainingError.notFinite`; the parameters are then as they were
  func train() throws {
    let (epoch, index) = step.quotientAndRemainder(dividingBy: batches.batchCount)
    sum.add(try trainer.train(on: batches.batch(epoch: epoch, index: index), rate: rate))
    if ContinuousClock.now - lastRecord >= Self.interval { try record() }
  }

  /// Begins to measure the pace anew.
  func resume() { pace = [(ContinuousClock.now, step)] }

  /// Brings curves and evaluation up to the last step.
  func catchUp() throws {
    guard evaluation?.step != step else { return }
    lastEvaluation = ContinuousClock.now - .seconds(60)
    try record()
  }

  /// Begins again with the first parameters.
  func reset() throws {
    trainer = try Trainer(network.model, trainer.options)
    (sum, pace, stepsPerSecond) = (StepResult(), [], 0)
    try begin()
  }

  /// Begins the curves with what the network does before the first step.
  private func begin() throws {
    try evaluate()
    history = TrainHistory(generation: history.generation &+ 1)
    history.add(
      CurvePoint(
        step: step, validationLoss: evaluation?.loss, validationAccuracy: evaluation?.accuracy))
  }

  /// Adds a point to the curves, and evaluates if that is not too much of the time.
  private func record() throws {
    let now = ContinuousClock.now
    pace.append((now, step))
    pace.removeAll { now - $0.time > .seconds(2) }
    if let first = pace.first, first.step < step {
      stepsPerSecond = Double(step - first.step) / max((now - first.time) / .seconds(1), 1e-3)
    }
    let isDue = now - lastEvaluation >= max(Self.interval, evaluationCost * 6)
    if isDue { try evaluate() }
    history.add(
      CurvePoint(
        step: step, loss: sum.counted > 0 ? sum.loss : nil, accuracy: sum.accuracy,
        validationLoss: isDue ? evaluation?.loss : nil,
        validationAccuracy: isDue ? evaluation?.accuracy : nil))
    sum = StepResult()
    lastRecord = ContinuousClock.now
  }

  private func evaluate() throws {
    let (start, model) = (ContinuousClock.now, try trainer.model)
    var scores: [Float] = []
    for first in stride(from: 0, to: labels.count, by: probe.most) {
      let part = Array(first..<min(first + probe.most, labels.count))
      scores += try probe.scores(of: examples.inputs(part), model)
    }
    evaluation = Evaluation(
      step: step, scores: scores, labels: labels, classes: examples.choice.classes.count, network)
    lastEvaluation = ContinuousClock.now
    evaluationCost = lastEvaluation - start
  }
}
