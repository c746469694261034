import ONNXFormat

/// What all ranks must have in common: otherwise each would train a model of its own.
extension TrainingLoop {
  /// Checks that all ranks are about to train the same epoch of the same run. All of them call it.
  /// - Throws: `TrainingError.rank` on every rank, with the first difference; errors of the batch sources.
  func checkRanksAgree() throws {
    guard let others = trainer.others else { return }
    let facts = try facts()
    let all = try others.gather(Array(facts.map(\.text).joined(separator: "\n").utf8)).map {
      String(decoding: $0, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }
    for (rank, texts) in all.enumerated() {
      guard texts.count == facts.count, all[0].count == facts.count else {
        throw TrainingError.rank("rank \(rank) runs another version of the program than rank 0")
      }
      for (index, fact) in facts.enumerated() where texts[index] != all[0][index] {
        throw TrainingError.rank(
          "rank \(rank) does not have the \(fact.name) of rank 0 (\(texts[index]), expected "
            + "\(all[0][index])): all ranks need the same files and options")
      }
    }
  }

  private func facts() throws -> [(name: String, text: String)] {
    let configuration = settings.configuration.split(whereSeparator: \.isNewline)
      .joined(separator: " ")
    let options =
      "\(configuration) epochs \(settings.epochs)"
      + (settings.patience.map { " patience \($0)" } ?? "")
      + (settings.checkpointEvery.map { " checkpoint-every \($0)" } ?? "")
      + (settings.checkpoint == nil ? "" : " checkpoint")
    return [
      ("options", "'\(options)'"),
      ("position", "\(progress.epoch) epochs and \(progress.batch) batches"),
      ("training data", try trainingFingerprint()),
      ("validation data", try validationFingerprint()),
      ("parameters", checksum(trainer.state.tensors)),
    ]
  }

  /// The number of batches and the contents of a shard of the next one, which every rank can make.
  private func trainingFingerprint() throws -> String {
    let count = training.batchCount
    guard count > 0 else { return "no batches" }
    let shard = try training.shard(
      0, of: trainer.options.shards ?? 1, epoch: progress.epoch,
      index: min(progress.batch, count - 1))
    return "\(count) batches, \(checksum(shard.batch.tensors))"
  }

  private func validationFingerprint() throws -> String {
    guard let validation, validation.batchCount > 0 else { return "no batches" }
    let batch = try validation.batch(epoch: 0, index: 0)
    return "\(validation.batchCount) batches, \(checksum(batch.tensors))"
  }
}

/// A text that tells tensors from others.
private func checksum(_ tensors: [String: Tensor]) -> String {
  var sum: UInt32 = 0
  for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
    Array("\(name) \(tensor.type)".utf8).withUnsafeBytes { sum = crc(sum, $0) }
    if tensor.elementType != .string { tensor.withUnsafeBytes { sum = crc(sum, $0) } }
  }
  return "CRC-32 \(String(sum, radix: 16))"
}
