import ONNXFormat

/// The batches of a source, each changed by a function.
public struct MappedBatches: BatchSource {
  /// A change to a batch. It must depend on the batch, its epoch and its index only. Where batches are cut
  /// into shards, it changes each shard alone, and the index is that of the shard among all of the epoch.
  public typealias Transform =
    @Sendable (_ batch: inout Batch, _ epoch: Int, _ index: Int) throws -> Void

  private let source: any BatchSource
  private let transform: Transform

  /// Changes the batches of a source.
  public init(_ source: any BatchSource, _ transform: @escaping Transform) {
    self.source = source
    self.transform = transform
  }

  /// The number of batches per epoch.
  public var batchCount: Int { source.batchCount }

  /// Makes a batch.
  /// - Throws: The errors of the source and of the function.
  public func batch(epoch: Int, index: Int) throws -> Batch {
    var batch = try source.batch(epoch: epoch, index: index)
    try transform(&batch, epoch, index)
    return batch
  }

  /// Makes a part of a batch.
  /// - Throws: The errors of the source and of the function.
  public func shard(
    _ number: Int, of count: Int, epoch: Int, index: Int
  ) throws -> BatchShard {
    var shard = try source.shard(number, of: count, epoch: epoch, index: index)
    try transform(&shard.batch, epoch, index * count + number)
    return shard
  }
}

extension BatchSource {
  /// Keeps some tensors of each batch and renames them to the inputs of a graph.
  /// - Parameter names: The input's name by the tensor's.
  public func renamed(_ names: [String: String]) -> MappedBatches {
    MappedBatches(self) { batch, _, _ in
      var tensors: [String: Tensor] = [:]
      for (old, new) in names {
        guard let tensor = batch.tensors[old] else {
          let found = batch.tensors.keys.sorted().joined(separator: ", ")
          throw DataError("the data has no '\(old)', only \(found)")
        }
        tensors[new] = tensor
      }
      batch.tensors = tensors
    }
  }

  /// Makes the pictures `image` the targets, as an autoencoder needs them.
  package func withImagesAsTargets() -> MappedBatches {
    MappedBatches(self) { batch, _, _ in
      batch.tensors[Loss.labels] = batch.tensors["image"]
    }
  }

  /// Replaces a random fraction of the words in `tokens` by the unknown word, others in each epoch. Most
  /// words are rare, so this keeps a model from relying on single words. Padding, token 0, stays.
  package func droppingWords(share: Double, as unknown: Int, seed: UInt64) -> MappedBatches {
    MappedBatches(self) { batch, epoch, index in
      guard let tokens = batch.tensors["tokens"] else { return }
      var random = RandomStream(seed: seed, UInt64(epoch), UInt64(index))
      let numbers = try tokens.array(as: Int64.self).map { number in
        random.uniform() < share && number != 0 ? Int64(unknown) : number
      }
      batch.tensors["tokens"] = Tensor(shape: tokens.shape, numbers)
    }
  }
}
