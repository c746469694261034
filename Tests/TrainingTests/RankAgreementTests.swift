import ONNX
import TestFiles
import TestRanks
import Testing

/// Ranks that have other files or options than the first.
@Suite struct RankAgreementTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @Test func ranksThatDifferAreRefusedWithTheDifference() throws {
    let path = folder.path("checkpoint.onnx")
    let stopped = try RankTests.loop(nil, RankTests.settings(path))
    try stopped.run(onStep: { if $0.step == 2 { stopped.stop() } })
    /// - Parameter change: Makes the loop of the last rank.
    func refusal(
      _ change: @escaping @Sendable (any Communicator) throws -> TrainingLoop
    ) -> Set<String> {
      let results = resultsOfRanks(3) { ranks in
        try (ranks.rank == 2 ? change(ranks) : RankTests.loop(ranks, RankTests.settings())).run()
      }
      return Set(
        results.map { result in
          switch result {
          case .success(let end): "\(end)"
          case .failure(let error): "\(error)".replacing(/CRC-32 [0-9a-f]+/, with: "CRC")
          }
        })
    }
    func expected(_ name: String, _ found: String, _ expected: String) -> Set<String> {
      [
        "rank 2 does not have the \(name) of rank 0 (\(found), expected \(expected)): all ranks need "
          + "the same files and options"
      ]
    }
    /// A loop with other data or parameters.
    @Sendable func loop(
      _ ranks: any Communicator, _ data: any BatchSource, validation: (any BatchSource)?,
      _ model: Model
    ) throws -> TrainingLoop {
      let trainer = try Trainer(model, ShardedTrainerTests.options(4), communicator: ranks)
      return TrainingLoop(trainer, data, validation: validation, settings: RankTests.settings())
    }
    @Sendable func brighter(_ source: any BatchSource) -> MappedBatches {
      MappedBatches(source) { batch, _, _ in
        let pixels = try #require(batch.tensors["image"])
        batch.tensors["image"] = Tensor(
          shape: pixels.shape, try pixels.array(as: Float.self).map { $0 + 1 })
      }
    }
    let model = try TrainerTests.network()
    var other = model
    let weights = try other.graph.initializers[0].tensor.array(as: Float.self)
    other.graph.initializers[0].tensor = Tensor(
      shape: other.graph.initializers[0].tensor.shape, weights.map { $0 / 2 })
    let otherModel = other
    #expect(
      refusal { try loop($0, brighter(RankTests.data()), validation: RankTests.data(), model) }
        == expected("training data", "6 batches, CRC", "6 batches, CRC"))
    #expect(
      refusal {
        let data = try TrainerTests.pictures(batches: 7)
        return try loop($0, data, validation: RankTests.data(), model)
      } == expected("training data", "7 batches, CRC", "6 batches, CRC"))
    #expect(
      refusal { try loop($0, RankTests.data(), validation: nil, model) }
        == expected("validation data", "no batches", "6 batches, CRC"))
    #expect(
      refusal { try loop($0, RankTests.data(), validation: RankTests.data(), otherModel) }
        == expected("parameters", "CRC", "CRC"))
    #expect(
      refusal { ranks in
        var settings = RankTests.settings()
        settings.epochs = 5
        return try RankTests.loop(ranks, settings)
      } == expected("options", "' epochs 5'", "' epochs 3'"))
    #expect(
      refusal { ranks in
        let loop = try RankTests.loop(ranks, RankTests.settings())
        try loop.resume(Checkpoint(contentsOf: path))
        return loop
      } == expected("position", "0 epochs and 2 batches", "0 epochs and 0 batches"))
  }
}
