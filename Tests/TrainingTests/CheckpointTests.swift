import Foundation
import ONNX
import Testing

@Suite struct CheckpointTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func loop(
    _ settings: TrainingLoop.Settings, optimizer: any Optimizer = Adam()
  ) throws -> TrainingLoop {
    var options = TrainingOptions()
    options.optimizer = optimizer
    let data = try TrainerTests.pictures()
    return TrainingLoop(
      try Trainer(TrainerTests.network(), options), data, validation: data, settings: settings)
  }

  private func settings(_ name: String) -> TrainingLoop.Settings {
    var settings = TrainingLoop.Settings()
    settings.epochs = 3
    settings.rate = .oneCycle(peak: 0.01)
    settings.keepsBest = true
    settings.checkpoint = folder.path(name)
    settings.configuration = "test"
    return settings
  }

  @Test func anInterruptedTrainingResumesToTheSameBits() throws {
    let whole = try loop(settings("whole.onnx"))
    #expect(try whole.run() == .finished)

    let settings = settings("parts.onnx")
    // Stopped in the middle of the second epoch, twice.
    for stop in [3, 6] {
      let part = try loop(settings)
      if stop > 3 { try part.resume(try Checkpoint(contentsOf: settings.checkpoint ?? "")) }
      var batches = 0
      let end = try part.run(onStep: { _ in
        batches += 1
        if batches == stop { part.stop() }
      })
      #expect(end == .interrupted)
    }
    let rest = try loop(settings)
    try rest.resume(try Checkpoint(contentsOf: settings.checkpoint ?? ""))
    #expect(rest.progress.epoch == 1 && rest.progress.batch == 3)
    #expect(try rest.run() == .finished)
    #expect(TrainerTests.weights(try rest.model) == TrainerTests.weights(try whole.model))
    #expect(rest.progress.history == whole.progress.history)
  }

  @Test func theHistoryIsTheSameAfterAStopBehindTheLastBatchOfAnEpoch() throws {
    let whole = try loop(settings("whole.onnx"))
    try whole.run()
    let settings = settings("parts.onnx")
    var batches = 0
    let part = try loop(settings)
    try part.run(onStep: { _ in
      batches += 1
      if batches == 6 { part.stop() }
    })
    let rest = try loop(settings)
    try rest.resume(try Checkpoint(contentsOf: settings.checkpoint ?? ""))
    #expect(rest.progress.epoch == 0 && rest.progress.batch == 6)
    try rest.run()
    #expect(rest.progress.history == whole.progress.history)
  }

  @Test func aCheckpointIsAModelThatRunsWithItsAlgorithmInStandardOperators() throws {
    let settings = settings("model.onnx")
    try loop(settings).run()
    let model = try Model(contentsOf: settings.checkpoint ?? "")
    let algorithm = try #require(model.trainingInfos.first?.algorithm)
    #expect(algorithm.nodes.allSatisfy { ($0.domain ?? "").isEmpty })
    #expect(!model.trainingInfos[0].updateBindings.isEmpty)
    let image = try #require(
      TrainerTests.pictures().batch(epoch: 0, index: 0).tensors["image"])
    #expect(try Session(model).run(["image": image])["logits"]?.shape == [16, 2])
  }

  @Test func aForeignOrDamagedCheckpointIsAnError() throws {
    let settings = settings("foreign.onnx")
    _ = try loop(settings, optimizer: SGD()).run()
    let checkpoint = try Checkpoint(contentsOf: settings.checkpoint ?? "")
    // Adam's states are not in it.
    #expect(throws: TrainingError.self) { try loop(settings).resume(checkpoint) }
    var other = settings
    other.configuration = "other"
    #expect(throws: TrainingError.self) {
      try loop(other, optimizer: SGD()).resume(checkpoint)
    }
    let plain = folder.path("plain.onnx")
    try TrainerTests.network().write(to: plain)
    #expect(throws: TrainingError.self) { try Checkpoint(contentsOf: plain) }
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: plain))
    #expect(throws: (any Error).self) { try Checkpoint(contentsOf: plain) }
  }

  @Test(arguments: ["correct", "batches", "epochs", "loss"])
  func aCheckpointWithAWrongCountIsAnError(
    key: String
  ) throws {
    let settings = settings("counts.onnx")
    try loop(settings).run()
    let path = settings.checkpoint ?? ""
    var model = try Model(contentsOf: path)
    for index in model.metadata.indices where model.metadata[index].key == "training.\(key)" {
      model.metadata[index].value = key == "loss" ? "nan" : "\(Int.max)"
    }
    try model.write(to: path)
    #expect(throws: TrainingError.self) {
      try loop(settings).resume(try Checkpoint(contentsOf: path))
    }
  }

  @Test func moreEpochsAfterACompleteRunAreThoseOfALongerOne() throws {
    var long = settings("long.onnx")
    long.rate = .constant(0.01)
    long.epochs = 5
    let whole = try loop(long)
    try whole.run()
    var short = long
    short.checkpoint = folder.path("short.onnx")
    short.epochs = 3
    _ = try loop(short).run()
    short.epochs = 5
    let rest = try loop(short)
    let checkpoint = try Checkpoint(contentsOf: short.checkpoint ?? "")
    #expect(checkpoint.progress.epochs == 3)
    try rest.resume(checkpoint)
    #expect(try rest.run() == .finished)
    #expect(TrainerTests.weights(try rest.model) == TrainerTests.weights(try whole.model))
    #expect(rest.progress.history == whole.progress.history)
    short.epochs = 2
    #expect(throws: TrainingError.self) { try loop(short).resume(checkpoint) }
  }

  @Test func trainingStopsWhenValidationGetsNoBetter() throws {
    var settings = settings("stale.onnx")
    settings.checkpoint = nil
    settings.epochs = 50
    settings.patience = 1
    // At learning rate 0, only the running statistics change the validation loss, and they converge.
    settings.rate = .constant(0)
    #expect(try loop(settings).run() == .stoppedEarly)
  }
}
