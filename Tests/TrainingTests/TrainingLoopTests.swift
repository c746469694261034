import Foundation
import ONNX
import Testing

/// Callbacks, metrics, and the search for a learning rate.
@Suite struct TrainingLoopTests {
  private func data() throws -> any BatchSource {
    try TrainerTests.pictures()
  }

  private func trainer(_ change: (inout TrainingOptions) -> Void = { _ in }) throws -> Trainer {
    var options = TrainingOptions()
    change(&options)
    return try Trainer(TrainerTests.network(), options)
  }

  private func settings(epochs: Int = 3) -> TrainingLoop.Settings {
    var settings = TrainingLoop.Settings()
    settings.epochs = epochs
    settings.rate = .steps(0.02, factor: 0.5, every: 1)
    return settings
  }

  @Test func callbacksGetEveryStepAndEpoch() throws {
    let loop = TrainingLoop(
      try trainer(), try data(), validation: try data(), settings: settings())
    var steps: [StepRecord] = []
    var epochs: [EpochRecord] = []
    #expect(loop.elapsed == .zero)
    try loop.run(
      onStep: {
        steps.append($0)
        #expect(loop.elapsed > .zero)
      }, onEpoch: { epochs.append($0) })
    #expect(steps.map(\.epoch) == [1, 2, 3].flatMap { Array(repeating: $0, count: 6) })
    #expect(steps.map(\.step) == (0..<18).map { $0 % 6 + 1 })
    #expect(steps[0].stepCount == 6)
    #expect(steps.map(\.rate) == [0.02, 0.01, 0.005].flatMap { Array(repeating: $0, count: 6) })
    #expect(steps[0].loss == steps[0].mean.loss)
    #expect(steps.allSatisfy { $0.result.gradientNorm > 0 && $0.result.counted == 16 })
    let mean = steps[..<6].map(\.loss).reduce(0, +) / 6
    #expect(abs(steps[5].mean.loss - mean) < 1e-6)
    #expect(epochs == loop.progress.history)
    #expect(epochs[0].loss == steps[5].mean.loss)
  }

  @Test func resultsDescribeThemselves() {
    let record = EpochRecord(
      epoch: 2, rate: 0.1, loss: 0.25, accuracy: 0.5, validationLoss: 0.123456,
      metrics: ["top 2": 1])
    #expect("\(record)" == "epoch 2: loss 0.25, accuracy 0.5, validation loss 0.1235, top 2 1")
    var result = StepResult()
    (result.loss, result.counted, result.correct) = (2, 4, 3)
    #expect("\(result)" == "loss 2, accuracy 0.75")
  }

  @Test func aCallbackStopsTheLoopAndItsErrorsPassThrough() throws {
    let loop = TrainingLoop(try trainer(), try data(), settings: settings())
    #expect(try loop.run(onStep: { if $0.step == 2 { loop.stop() } }) == .interrupted)
    #expect(loop.progress.batch == 2)
    #expect(try loop.run(onEpoch: { _ in loop.stop() }) == .interrupted)
    #expect(loop.progress.epoch == 1)
    #expect(try loop.run() == .finished)

    struct Mine: Error {}
    let other = TrainingLoop(try trainer(), try data(), settings: settings())
    #expect(throws: Mine.self) { try other.run(onStep: { _ in throw Mine() }) }
  }

  /// The fraction of correct predictions, as a metric.
  private static let hits: Metric = { outputs, labels in
    let scores = try outputs["logits"].array(as: Float.self)
    let classes = try labels.array(as: Int64.self)
    return Double(
      classes.indices.count { (scores[2 * $0 + 1] > scores[2 * $0]) == (classes[$0] == 1) })
      / Double(classes.count)
  }

  @Test func metricsAreMeansOverTheValidationData() throws {
    let trainer = try trainer { options in
      options.metrics = ["hits": Self.hits, "count": { _, labels in Double(labels.count) }]
    }
    let whole = try TrainerTests.pictures(batches: 5)
    let loop = TrainingLoop(trainer, try data(), validation: whole, settings: settings())
    try loop.run()
    for record in loop.progress.history {
      #expect(
        abs(try #require(record.metrics["hits"]) - #require(record.validationAccuracy)) < 1e-12)
      #expect(record.metrics["count"] == 16)
    }
    #expect(try trainer.evaluate(whole).metrics["count"] == 16)
  }

  @Test func aMetricChoosesTheEpochAndACheckpointKeepsIt() throws {
    let folder = try TemporaryFolder()
    var settings = settings(epochs: 2)
    settings.checkpoint = folder.path("c.onnx")
    settings.keepsBest = true
    // The first epoch gets the highest figure.
    settings.bestIs = .highest("falling")
    let calls = Counter()
    func loop() throws -> TrainingLoop {
      TrainingLoop(
        try trainer {
          $0.metrics["falling"] = { _, _ in -calls.next() }
        }, try data(), validation: try data(), settings: settings)
    }
    let first = try loop()
    try first.run()
    #expect(first.progress.best?.epoch == 1)
    settings.epochs = 3
    let second = try loop()
    try second.resume(try Checkpoint(contentsOf: folder.path("c.onnx")))
    #expect(second.progress.history == first.progress.history)
    #expect(second.progress.history.allSatisfy { $0.metrics.keys.sorted() == ["falling"] })
    try second.run()
    #expect(second.progress.best?.epoch == 1)
    #expect(TrainerTests.weights(try second.model) == TrainerTests.weights(try first.model))
  }

  private final class Counter: @unchecked Sendable {
    private var count = 0.0
    func next() -> Double {
      count += 1
      return count
    }
  }

  @Test func metricsThatCannotBeComputedAreRefused() throws {
    func reason(_ body: () throws -> Void) -> String {
      do {
        try body()
        return "nothing"
      } catch { return "\(error)" }
    }
    let data = try data()
    func failure(_ metric: @escaping Metric) -> String {
      reason { _ = try trainer { $0.metrics["m"] = metric }.evaluate(data) }
    }
    #expect(failure { outputs, _ in Double(try outputs["logit"].count) }.contains("'logits'"))
    #expect(failure { outputs, _ in Double(try outputs[1].count) }.contains("1 outputs"))
    #expect(reason { _ = try trainer { $0.metrics["a,b"] = Self.hits } }.contains("'a,b'"))
    #expect(
      reason {
        _ = try trainer {
          $0.loss = .mean
          $0.metrics["m"] = Self.hits
        }
      }.contains("the loss has none"))
    var settings = settings()
    settings.bestIs = .lowest("error")
    #expect(
      reason {
        try TrainingLoop(trainer { $0.metrics["hits"] = Self.hits }, data, settings: settings).run()
      }.contains("'error', which is not among the metrics: hits"))
  }

  // MARK: Learning rates

  @Test func theSearchForALearningRateFindsTheSlopeAndLeavesTheTrainerAsItWas() throws {
    for accumulation in [1, 2] {
      let trainer = try trainer {
        $0.optimizer = SGD(momentum: 0.9)
        $0.accumulation = accumulation
      }
      let before = TrainerTests.weights(try trainer.model)
      let search = try trainer.findLearningRate(data(), from: 1e-5, to: 100, steps: 60)
      #expect(TrainerTests.weights(try trainer.model) == before)
      #expect(trainer.batchCount == 0)
      let rate = try #require(search.suggestion)
      #expect(rate > 1e-3 && rate < 5)
      #expect(search.points[0].rate == 1e-5)
      let ratios = zip(search.points, search.points.dropFirst()).map { $1.rate / $0.rate }
      #expect(ratios.allSatisfy { abs($0 - ratios[0]) < 1e-9 })

      // The run after it is that of a new trainer.
      let other = try self.trainer {
        $0.optimizer = SGD(momentum: 0.9)
        $0.accumulation = accumulation
      }
      _ = try TrainerTests.train(trainer, data())
      _ = try TrainerTests.train(other, data())
      #expect(TrainerTests.weights(try trainer.model) == TrainerTests.weights(try other.model))
    }
  }

  @Test func theSearchEndsWhereTheLossGrows() throws {
    let trainer = try trainer { $0.optimizer = SGD() }
    let search = try trainer.findLearningRate(data(), from: 1e-3, to: 1e8, steps: 50)
    #expect(search.points.count < 50)
    var seen = 0
    _ = try trainer.findLearningRate(data()) { _ in
      seen += 1
      return seen < 7
    }
    #expect(seen == 7)
    for (least, greatest, steps) in [(0.0, 1.0, 50), (1, 0.1, 50), (1e-3, 1, 2)] {
      #expect(throws: TrainingError.self) {
        try trainer.findLearningRate(data(), from: least, to: greatest, steps: steps)
      }
    }
  }
}
