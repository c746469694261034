import ONNX
import Serving
import Testing

@testable import Playground

struct TrainTests {
  private static let data = TrainData(mnist: nil)

  private func training(_ design: TrainDesign) throws -> Training {
    try design.check()
    return try Training(design, Self.data.examples(design.data))
  }

  private func parameters(_ training: Training) throws -> [[Float]] {
    try training.trainer.model.graph.initializers.filter { $0.tensor.elementType == .float32 }
      .map { try $0.tensor.array() }
  }

  @Test(arguments: DataChoice.Kind.allCases.filter { $0 != .mnist })
  func everySetOfDataHasExamplesOfEveryClass(kind: DataChoice.Kind) throws {
    let choice = DataChoice(kind: kind, noise: 0.1)
    let examples = try Self.data.examples(choice)
    for part in [examples.train, examples.validation] {
      #expect(part.columns[0].tensor.shape.dropFirst() == choice.shape[...])
      #expect(Set(part.classLabels ?? []) == Set((0..<choice.classes.count).map(Int64.init)))
    }
  }

  @Test func pointsDependOnTheSeedAlone() throws {
    let first = MadeData.points(DataChoice(kind: .xor, noise: 0.2, seed: 3), count: 9, name: "a")
    let same = MadeData.points(DataChoice(kind: .xor, noise: 0.2, seed: 3), count: 9, name: "a")
    let other = MadeData.points(DataChoice(kind: .xor, noise: 0.2, seed: 4), count: 9, name: "a")
    #expect(first == same)
    #expect(first.0 != other.0)
  }

  static let networks: [(DataChoice.Kind, [LayerDesign])] = [
    (.digits, [LayerDesign(.convolution, units: 3, size: 5, stride: 2, padding: 1)]),
    (.digits, [LayerDesign(.maxPool, size: 3, stride: 2), LayerDesign(.relu)]),
    (.digits, [LayerDesign(.averagePool, size: 4, stride: 4, padding: 1)]),
    (.digits, [LayerDesign(.convolution, units: 4, size: 3), LayerDesign(.maxout, units: 2)]),
    (.digits, [LayerDesign(.convolution, units: 2, size: 9), LayerDesign(.normalization)]),
    (.digits, [LayerDesign(.dense, units: 6), LayerDesign(.maxout, units: 3)]),
    (.digits, [LayerDesign(.dense, units: 6), LayerDesign(.dropout, ratio: 0.5)]),
    (.digits, [LayerDesign(.lstm, units: 5), LayerDesign(.tanh)]),
    (
      .digits,
      [LayerDesign(.gru, units: 6), LayerDesign(.maxout, units: 2), LayerDesign(.rnn, units: 4)]
    ),
    (.parity, [LayerDesign(.lstm, units: 4), LayerDesign(.lstm, units: 3)]),
    (.parity, [LayerDesign(.dense, units: 4), LayerDesign(.sigmoid)]),
    (.spirals, [LayerDesign(.dense, units: 4), LayerDesign(.leakyRelu)]),
    (.circles, []),
  ]

  @Test(arguments: networks)
  func everyLayerTrainsAndHasTheShapeThatWasStated(
    kind: DataChoice.Kind, layers: [LayerDesign]
  ) throws {
    let design = TrainDesign(data: DataChoice(kind: kind), layers: layers, batch: 8)
    let training = try training(design)
    let before = try parameters(training)
    try training.train()
    #expect(try parameters(training) != before)

    let facts = try design.facts()
    let names = Set(training.trainer.parameters)
    let counts = training.network.model.graph.initializers.filter { names.contains($0.name ?? "") }
      .map(\.tensor.count)
    #expect(facts.map(\.parameters).reduce(0, +) == counts.reduce(0, +))
    let values = try training.probe.values(
      of: training.examples.inputs([0, 1]), training.trainer.model)
    for (layer, fact) in zip(training.network.layers, facts) {
      #expect(values[layer.value]?.shape == [2] + fact.shape)
    }
    var listener = FrameListener()
    let frame = try training.frame(for: &listener)
    #expect((frame.cloud != nil) == kind.isCloud)
    #expect((frame.shown != nil) == !kind.isCloud)
  }

  @Test(arguments: TrainDesign.OptimizerKind.allCases)
  func everyOptimizerLearns(optimizer: TrainDesign.OptimizerKind) throws {
    let training = try training(
      TrainDesign(
        data: DataChoice(kind: .gaussians), layers: [], optimizer: optimizer,
        rate: optimizer == .adadelta ? 1 : 0.05))
    let before = try #require(training.evaluation).loss
    for _ in 0..<60 { try training.train() }
    try training.catchUp()
    #expect(try #require(training.evaluation).loss < before)
  }

  @Test(arguments: TrainPreset.all)
  func everyPresetFits(preset: TrainPreset) throws {
    try preset.design.check()
    let training = try training(preset.design)
    try training.train()
  }

  static let refusals: [(String, TrainDesign)] = {
    func design(_ kind: DataChoice.Kind, _ layers: LayerDesign...) -> TrainDesign {
      TrainDesign(data: DataChoice(kind: kind), layers: layers)
    }
    var (batch, rate) = (design(.xor), design(.xor))
    batch.batch = 0
    rate.rate = .infinity
    return [
      (
        "layer 1 (convolution): a convolution expects maps, found 2",
        design(.xor, LayerDesign(.convolution, units: 8, size: 3))
      ),
      (
        "layer 2 (maxPool): its window of 9 × 9 is larger than the map of 1 × 1 × 1",
        design(
          .digits, LayerDesign(.convolution, units: 1, size: 28), LayerDesign(.maxPool, size: 9))
      ),
      ("layer 1 (dense): it lacks 'units'", design(.xor, LayerDesign(.dense))),
      (
        "layer 1 (dense): expected units from 1 to 1024, found 9000000000",
        design(.xor, LayerDesign(.dense, units: 9_000_000_000))
      ),
      (
        "layer 1 (lstm): expected a sequence, or a picture whose rows are its steps, found 2",
        design(.xor, LayerDesign(.lstm, units: 8))
      ),
      (
        "layer 2 (maxout): 2 pieces do not divide 3 inputs",
        design(.xor, LayerDesign(.dense, units: 3), LayerDesign(.maxout, units: 2))
      ),
      (
        "layer 1 (dropout): expected a ratio from 0 to 0.95, found 1.0",
        design(.xor, LayerDesign(.dropout, ratio: 1))
      ),
      (
        "layer 5 (dense): the network would have 2105345 parameters; the most is 2000000",
        design(
          .xor, LayerDesign(.dense, units: 1024), LayerDesign(.dense, units: 1024),
          LayerDesign(.dense, units: 1), LayerDesign(.dense, units: 1024),
          LayerDesign(.dense, units: 1024))
      ),
      (
        "layer 1 (convolution): a batch of 32 would take 168792064 multiplications each, "
          + "more than 1500000000 in all",
        design(.digits, LayerDesign(.convolution, units: 256, size: 28, padding: 14))
      ),
      ("the batch size: expected 1 to 512, found 0", batch),
      ("the learning rate: expected 0.0 to 100.0, found inf", rate),
    ]
  }()

  @Test(arguments: refusals)
  func anImpossibleNetworkIsRefusedInOneSentence(sentence: String, design: TrainDesign) {
    let error = #expect(throws: ServingError.self) { try design.check() }
    #expect(error?.description == sentence)
    #expect(error?.status == .badRequest)
  }

  @Test(arguments: [true, false])
  func aSavedRunContinuesToTheSameBits(asJSON: Bool) throws {
    let design = TrainDesign(
      data: DataChoice(kind: .digits),
      layers: [
        LayerDesign(.convolution, units: 2, size: 5, stride: 3), LayerDesign(.normalization),
        LayerDesign(.dropout, ratio: 0.3), LayerDesign(.tanh),
      ], rate: 0.01, batch: 300)
    let whole = try training(design)
    for _ in 0..<3 { try whole.train() }
    whole.rate = 0.003
    let snapshot = try TrainSnapshot(whole)
    let file = try asJSON ? snapshot.json() : snapshot.onnx()
    for _ in 0..<5 { try whole.train() }

    let read = try TrainSnapshot(file)
    #expect(read.design == design)
    let resumed = try Training(read, Self.data.examples(read.design.data))
    #expect(resumed.step == 3)
    #expect(resumed.rate == 0.003)
    for _ in 0..<5 { try resumed.train() }
    #expect(try parameters(resumed) == parameters(whole))
  }

  @Test func manyPointsOfACurveAreMerged() {
    var history = TrainHistory()
    for step in 1...TrainHistory.most + 1 {
      history.add(CurvePoint(step: step, loss: Double(step % 2)))
    }
    #expect(history.points.count == TrainHistory.most / 2 + 1)
    #expect(history.points[0] == CurvePoint(step: 2, loss: 0.5))
    #expect(history.generation == 1)
  }

  @Test func aLossThatIsNotFiniteStopsTheRunAndSaysWhy() async throws {
    let design = TrainDesign(
      data: DataChoice(kind: .xor), layers: [LayerDesign(.dense, units: 8), LayerDesign(.relu)],
      optimizer: .sgd, rate: 100, decay: 1)
    let examples = try Self.data.examples(design.data)
    let run = try await TrainingRun.start { try Training(design, examples) }
    run.enter()
    run.isRunning = true
    for _ in 0..<500 where run.problem == nil { try await Task.sleep(for: .milliseconds(10)) }
    #expect(run.problem?.contains("a lower learning rate") == true)
    #expect(!run.isRunning)
    run.end()
  }

  @Test func aRunPausesAndGoesOn() async throws {
    let design = TrainDesign(data: DataChoice(kind: .xor), layers: [])
    let examples = try Self.data.examples(design.data)
    let run = try await TrainingRun.start { try Training(design, examples) }
    func step() async throws -> Int { try await run.perform { $0.step } }
    run.enter()
    run.isRunning = true
    while try await step() < 5 { await Task.yield() }
    run.isRunning = false
    let paused = try await step()
    try await Task.sleep(for: .milliseconds(50))
    #expect(try await step() <= paused + 1)
    run.isRunning = true
    while try await step() < paused + 5 { await Task.yield() }
    run.leave()
    #expect(!run.isRunning, "without a page it pauses")
    run.end()
    await #expect(throws: ServingError.self) { try await step() }
  }

  @Test func aPaceIsKept() async throws {
    let design = TrainDesign(data: DataChoice(kind: .xor), layers: [])
    let examples = try Self.data.examples(design.data)
    let run = try await TrainingRun.start { try Training(design, examples) }
    run.enter()
    run.pace = 20
    let start = ContinuousClock.now
    run.isRunning = true
    while try await run.perform({ $0.step }) < 5 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(ContinuousClock.now - start > .milliseconds(150), "four pauses of 50 ms")
    run.end()
  }

  @Test func aRunThatNobodyLooksAtMakesRoom() async throws {
    let runs = TrainingRuns()
    let design = TrainDesign(data: DataChoice(kind: .xor), layers: [])
    let examples = try Self.data.examples(design.data)
    var all: [TrainingRun] = []
    for index in 0..<TrainingRuns.most {
      let run = try await runs.start { try Training(design, examples) }
      if index != 1 { run.enter() }
      all.append(run)
    }
    for run in all.prefix(4) { try runs.train(run) }
    let error = #expect(throws: ServingError.self) { try runs.train(all[4]) }
    #expect(error?.status == .tooManyRequests)
    all[1].isRunning = false
    try runs.train(all[4])

    all.append(try await runs.start { try Training(design, examples) })
    #expect(all.map(\.hasEnded) == all.indices.map { $0 == 1 })
    #expect(throws: ServingError.self) { try runs.run(all[1].identifier) }
    all[8].enter()
    all.append(try await runs.start { try Training(design, examples) })
    #expect(all[5].hasEnded, "of those that are looked at, the one that was not used for longest")
    for run in all { runs.end(run) }
  }
}
