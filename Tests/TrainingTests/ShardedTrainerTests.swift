import ONNX
import TestRanks
import Testing

/// Training on shards of batches, on one rank and on several.
@Suite struct ShardedTrainerTests {
  static func options(
    _ shards: Int?, _ change: (inout TrainingOptions) -> Void = { _ in }
  ) -> TrainingOptions {
    var options = TrainingOptions()
    options.shards = shards
    options.session.threads = 1
    options.optimizer = SGD(momentum: 0.9)
    change(&options)
    return options
  }

  /// A network whose steps are functions of the batch alone.
  static func network() throws -> Model {
    let net = Sequential {
      Conv2D(4, 3, padding: 1)
      Relu()
      MaxPool2D(2)
      Flatten()
      Dense(2)
    }
    return try net.model(
      input: "image", ["N", 1, 8, 8], output: "logits", name: "net", seed: 5)
  }

  static func norm() throws -> Model {
    let net = Sequential {
      Conv2D(4, 3, padding: 1)
      BatchNorm()
      Relu()
      Flatten()
      Dense(2)
    }
    return try net.model(
      input: "image", ["N", 1, 8, 8], output: "logits", name: "net", seed: 5)
  }

  /// The parameters after two epochs of batches of 10, the last of 2, and the result of the second.
  static func train(
    _ model: Model, _ options: TrainingOptions, _ communicator: (any Communicator)? = nil,
    size: Int = 10
  ) throws -> (weights: [Tensor], result: StepResult) {
    var random = RandomStream(seed: 3)
    let labels = (0..<42).map { Int64($0 % 2) }
    let pixels = labels.flatMap { label in
      (0..<64).map { _ in Float(random.uniform() + Double(label)) / 2 }
    }
    let data = try TensorDataset([
      .init("image", Tensor(shape: [42, 1, 8, 8], pixels)),
      .init(Loss.labels, Tensor(shape: [42], labels)),
    ]).batches(size: size, seed: 4)
    let trainer = try Trainer(model, options, communicator: communicator)
    let result = try TrainerTests.train(trainer, data)
    return (TrainerTests.weights(try trainer.model), result)
  }

  static func difference(_ a: [Tensor], _ b: [Tensor]) throws -> Float {
    var largest: Float = 0
    for (a, b) in zip(a, b) where a.elementType == .float32 {
      for (x, y) in zip(try a.array(as: Float.self), try b.array(as: Float.self)) {
        largest = max(largest, abs(x - y))
      }
    }
    return largest
  }

  @Test(arguments: [1, 2, 3, 4, 7])
  func shardsMakeTheStepsOfWholeBatches(shards: Int) throws {
    let changes: [(inout TrainingOptions) -> Void] = [
      { _ in },
      { $0.clipNorm = 0.01 },
      { $0.clipValue = 0.001 },
      { $0.accumulation = 3 },
      { $0.classWeights = [1, 3] },
      { $0.ignoredLabel = 1 },
      { $0.maxNorms = [MaxNorm("*weight*", limit: 0.5, axis: 1)] },
      { $0.optimizer = Adam() },
      { $0.frozen = ["*bias*"] },
    ]
    for change in changes {
      let whole = try Self.train(Self.network(), Self.options(nil, change))
      let cut = try Self.train(Self.network(), Self.options(shards, change))
      #expect(try Self.difference(whole.weights, cut.weights) < 2e-4)
      #expect(abs(whole.result.loss - cut.result.loss) < 1e-4)
      #expect(abs(whole.result.gradientNorm - cut.result.gradientNorm) < 1e-3)
      #expect(whole.result.correct == cut.result.correct)
      #expect(whole.result.counted == cut.result.counted)
      #expect(whole.result.weight == cut.result.weight)
    }
  }

  @Test func bitsDependNeitherOnRanksNorOnThreads() throws {
    for (model, synchronizes) in [
      (try TrainerTests.network(), false), (try TrainerTests.network(), true),
    ] {
      let options = Self.options(4) {
        $0.clipNorm = 1
        $0.synchronizesBatchNorm = synchronizes
      }
      let alone = try Self.train(model, options)
      for (ranks, threads) in [(1, 2), (2, 1), (3, 1), (4, 1), (2, 2)] {
        var options = options
        options.session.threads = threads
        let chosen = options
        let results = try withRanks(ranks) { try Self.train(model, chosen, $0) }
        for result in results {
          #expect(result.weights == alone.weights)
          #expect(result.result.loss == alone.result.loss)
          #expect(result.result.correct == alone.result.correct)
        }
      }
    }
  }

  @Test func synchronizedStatisticsAreThoseOfTheBatch() throws {
    let whole = try Self.train(Self.norm(), Self.options(nil))
    let cut = try Self.train(Self.norm(), Self.options(4) { $0.synchronizesBatchNorm = true })
    let own = try Self.train(Self.norm(), Self.options(4))
    #expect(try Self.difference(whole.weights, cut.weights) < 2e-4)
    #expect(try Self.difference(whole.weights, own.weights) > 1e-3)
  }

  @Test func float64StepsWithFrozenParametersDoNotDependOnRanks() throws {
    @Sendable func train(_ shards: Int?, _ ranks: (any Communicator)?) throws -> [Tensor] {
      let options = Self.options(shards) {
        $0.loss = .meanSquaredError
        $0.clipNorm = 1
        $0.frozen = ["b1"]
      }
      let trainer = try Trainer(SmallNetwork.model, options, communicator: ranks)
      for _ in 0..<4 { _ = try trainer.train(on: SmallNetwork.batch, rate: 0.05) }
      return TrainerTests.weights(try trainer.model)
    }
    // The last of 7 shards of 6 examples is empty.
    let alone = try train(7, nil)
    for ranks in 2...4 {
      for weights in try withRanks(ranks, { try train(7, $0) }) { #expect(weights == alone) }
    }
    for (cut, whole) in zip(alone, try train(nil, nil)) {
      for (a, b) in zip(try cut.array(as: Double.self), try whole.array(as: Double.self)) {
        #expect(abs(a - b) < 1e-12)
      }
    }
  }
}
