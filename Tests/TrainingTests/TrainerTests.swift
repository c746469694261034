import Foundation
import ONNX
import Testing

@Suite struct TrainerTests {
  /// Random pictures of two classes that differ in brightness.
  static func pictures(batches: Int = 6, size: Int = 16) throws -> ShuffledBatches {
    var random = RandomStream(seed: 3)
    let count = batches * size
    let labels = (0..<count).map { Int64($0 % 2) }
    let pixels = labels.flatMap { label in
      (0..<64).map { _ in Float(random.uniform() + Double(label)) / 2 }
    }
    return try TensorDataset([
      .init("image", Tensor(shape: [count, 1, 8, 8], pixels)),
      .init(Loss.labels, Tensor(shape: [count], labels)),
    ]).batches(size: size, seed: 4)
  }

  /// A network with layers that draw random numbers or have running statistics.
  static func network() throws -> Model {
    let net = Sequential {
      Conv2D(4, 3, padding: 1)
      BatchNorm()
      Relu()
      MaxPool2D(2)
      Dropout(0.3)
      Flatten()
      Dense(2)
    }
    return try net.model(
      input: "image", ["N", 1, 8, 8], output: "logits", name: "net", seed: 5)
  }

  static func train(
    _ trainer: Trainer, _ data: any BatchSource, epochs: Range<Int> = 0..<2, rate: Double = 0.05
  ) throws -> StepResult {
    var result = StepResult()
    for epoch in epochs {
      result = StepResult()
      for index in 0..<data.batchCount {
        result.add(try trainer.train(on: data.batch(epoch: epoch, index: index), rate: rate))
      }
    }
    return result
  }

  static func weights(_ model: Model) -> [Tensor] { model.graph.initializers.map(\.tensor) }

  @Test func lossFallsAndTheExportedModelReadsTheData() throws {
    var options = TrainingOptions()
    options.optimizer = SGD(momentum: 0.9)
    let trainer = try Trainer(Self.network(), options)
    let data = try Self.pictures()
    let before = try trainer.evaluate(data)
    _ = try Self.train(trainer, data, epochs: 0..<10)
    let after = try trainer.evaluate(data)
    #expect(after.loss < before.loss / 2)
    #expect(try #require(after.accuracy) > 0.95)
    let outputs = try Session(trainer.model).run(
      ["image": try #require(data.batch(epoch: 0, index: 0).tensors["image"])])
    #expect(outputs["logits"]?.shape == [16, 2])
  }

  @Test func bitsDoNotDependOnThreads() throws {
    let weights = try [1, 2, 3].map { threads in
      var options = TrainingOptions()
      options.session.threads = threads
      options.clipNorm = 1
      let trainer = try Trainer(Self.network(), options)
      _ = try Self.train(trainer, Self.pictures())
      return Self.weights(try trainer.model)
    }
    #expect(weights[0] == weights[1])
    #expect(weights[0] == weights[2])
  }

  @Test func runningStatisticsFollowTheData() throws {
    let trainer = try Trainer(Self.network(), TrainingOptions())
    let before = Self.weights(try trainer.model)
    _ = try Self.train(trainer, Self.pictures(), epochs: 0..<1)
    let names = try trainer.model.graph.initializers.map(\.name)
    let index = try #require(names.firstIndex { $0?.hasSuffix("running_mean") == true })
    #expect(before[index] != Self.weights(try trainer.model)[index])
    #expect(!trainer.parameters.contains(try #require(names[index])))
  }

  @Test func frozenParametersStay() throws {
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.frozen = ["*1"]
    let trainer = try Trainer(SmallNetwork.model, options)
    _ = try trainer.train(on: SmallNetwork.batch, rate: 0.1)
    let old = Self.weights(SmallNetwork.model)
    let new = Self.weights(try trainer.model)
    #expect(trainer.parameters == ["W2", "b2"])
    #expect(new[0] == old[0] && new[1] == old[1])
    #expect(new[2] != old[2] && new[3] != old[3])
  }

  @Test func accumulatedBatchesMakeOneStep() throws {
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.optimizer = Adam()
    let whole = try Trainer(SmallNetwork.model, options)
    _ = try whole.train(on: SmallNetwork.batch, rate: 0.1)
    options.accumulation = 2
    let parts = try Trainer(SmallNetwork.model, options)
    for part in 0..<2 {
      var batch = SmallNetwork.batch
      for (name, tensor) in batch.tensors {
        let half = try tensor.array(as: Double.self)
        let size = half.count / 2
        batch.tensors[name] = Tensor(
          shape: [3] + tensor.shape.dropFirst(),
          Array(half[part * size..<(part + 1) * size]))
      }
      _ = try parts.train(on: batch, rate: 0.1)
    }
    for (a, b) in zip(Self.weights(try whole.model), Self.weights(try parts.model)) {
      for (x, y) in zip(try a.array(as: Double.self), try b.array(as: Double.self)) {
        #expect(abs(x - y) < 1e-12)
      }
    }
  }

  @Test func clippingAndMaxNormsLimitLengths() throws {
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.optimizer = SGD()
    options.clipNorm = 0.01
    let trainer = try Trainer(SmallNetwork.model, options)
    let result = try trainer.train(on: SmallNetwork.batch, rate: 1)
    #expect(result.gradientNorm > 0.01)
    var change = 0.0
    for (a, b) in zip(Self.weights(SmallNetwork.model), Self.weights(try trainer.model)) {
      for (x, y) in zip(try a.array(as: Double.self), try b.array(as: Double.self)) {
        change += (x - y) * (x - y)
      }
    }
    #expect(abs(change.squareRoot() - 0.01) < 1e-5)

    options.clipNorm = nil
    options.maxNorms = [MaxNorm("W2", limit: 0.2, axis: 0)]
    let limited = try Trainer(SmallNetwork.model, options)
    _ = try limited.train(on: SmallNetwork.batch, rate: 0.1)
    let weights = try Self.weights(try limited.model)[2].array(as: Double.self)
    for column in 0..<2 {
      let length = (0..<4).reduce(0) { $0 + weights[$1 * 2 + column] * weights[$1 * 2 + column] }
      #expect(length.squareRoot() <= 0.2 + 1e-12)
    }
  }

  @Test func explodingLossIsAnErrorThatNamesTheNodeAndChangesNothing() throws {
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.optimizer = SGD()
    let trainer = try Trainer(SmallNetwork.model, options)
    _ = try trainer.train(on: SmallNetwork.batch, rate: 0.1)
    let before = Self.weights(try trainer.model)
    var batch = SmallNetwork.batch
    batch.tensors["x"] = Tensor(shape: [6, 3], [Double](repeating: .nan, count: 18))
    #expect(throws: TrainingError.notFinite(step: 1, node: "'first' (Gemm)")) {
      try trainer.train(on: batch, rate: 0.1)
    }
    #expect(Self.weights(try trainer.model) == before)
  }

  @Test func saysWhatDoesNotFit() throws {
    var options = TrainingOptions()
    options.frozen = ["*"]
    #expect(throws: TrainingError.self) { try Trainer(SmallNetwork.model, options) }
    options = TrainingOptions()
    options.output = "z"
    #expect(throws: TrainingError.model("the model has no output 'z'; its outputs are 'y'")) {
      try Trainer(SmallNetwork.model, options)
    }
    let trainer = try Trainer(Self.network(), TrainingOptions())
    var batch = try Self.pictures().batch(epoch: 0, index: 0)
    batch.tensors["image"] = nil
    #expect(throws: TrainingError.interpreter(.missingInput("image"))) {
      try trainer.train(on: batch, rate: 0.1)
    }
    batch = try Self.pictures().batch(epoch: 0, index: 0)
    batch.tensors[Loss.labels] = Tensor(shape: [16], [Int64](repeating: 7, count: 16))
    #expect(throws: TrainingError.self) { try trainer.train(on: batch, rate: 0.1) }
  }

  @Test func statesGoOnFromWindowToWindow() throws {
    var net = LanguageModel.charGRU(vocabulary: 5)
    (net.hidden, net.layers) = (8, 1)
    var options = TrainingOptions()
    options.states = ["h": "h_out"]
    let text = (0..<400).map { Int32($0 * $0 % 5) }
    let data = try TokenStreams(text, streams: 4, window: 10)
      .renamed(["tokens": "tokens", "targets": Loss.labels])
    let trainer = try Trainer(net.model(seed: 1), options)
    let first = try Self.train(trainer, data, epochs: 0..<1, rate: 0.01)
    let last = try Self.train(trainer, data, epochs: 1..<12, rate: 0.01)
    #expect(last.loss < first.loss / 2)
    // Later in an epoch, the state is not zero and the same window has another loss.
    let states = CarriedState()
    let start = try trainer.evaluate(on: data.batch(epoch: 0, index: 0), states: states)
    var again = try data.batch(epoch: 0, index: 0)
    again.startsState = false
    #expect(start.loss != (try trainer.evaluate(on: again, states: states)).loss)
  }
}
