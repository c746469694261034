import Synchronization

/// Batches of a fixed number of examples, shuffled in every epoch.
public struct ShuffledBatches: BatchSource {
  private let source: any ExampleSource
  private let size: Int
  private let order: EpochCache<[Int]>
  /// The number of batches per epoch.
  public let batchCount: Int

  /// Divides the examples of a source into batches.
  /// - Parameters:
  ///   - size: The number of examples in a batch, at least 1.
  ///   - seed: The seed of the shuffle, which differs from epoch to epoch; `nil` to keep the order.
  ///   - dropsRest: Whether to leave out a smaller last batch.
  public init(_ source: any ExampleSource, size: Int, seed: UInt64?, dropsRest: Bool = false) {
    precondition(size > 0, "a batch has at least one example")
    self.source = source
    self.size = size
    let whole = source.count / size
    batchCount = dropsRest || source.count % size == 0 ? whole : whole + 1
    let count = source.count
    order = EpochCache { epoch in
      guard let seed else { return Array(0..<count) }
      var random = RandomStream(seed: seed, UInt64(epoch))
      return random.permutation(count)
    }
  }

  /// Makes a batch.
  public func batch(epoch: Int, index: Int) throws -> Batch {
    try source.batch(of: examples(epoch: epoch, index: index))
  }

  /// Makes a part of a batch. It reads only the examples of that part.
  public func shard(
    _ number: Int, of count: Int, epoch: Int, index: Int
  ) throws -> BatchShard {
    let examples = examples(epoch: epoch, index: index)
    let range = BatchShard.examples(of: number, of: count, in: examples.count)
    return BatchShard(
      try source.batch(of: Array(examples[range.isEmpty ? 0..<1 : range])),
      exampleCount: range.count, of: examples.count)
  }

  private func examples(epoch: Int, index: Int) -> [Int] {
    precondition(epoch >= 0 && (0..<batchCount).contains(index), "no batch \(index)")
    let order = order[epoch]
    return Array(order[index * size..<min((index + 1) * size, order.count)])
  }
}

/// Values that are computed from an epoch, cached for the two epochs asked for last.
final class EpochCache<Content: Sendable>: Sendable {
  private let make: @Sendable (Int) -> Content
  private let recent = Mutex<[(epoch: Int, content: Content)]>([])

  init(_ make: @escaping @Sendable (Int) -> Content) { self.make = make }

  subscript(epoch: Int) -> Content {
    recent.withLock { recent in
      if let known = recent.first(where: { $0.epoch == epoch }) { return known.content }
      let content = make(epoch)
      // A prefetcher may be an epoch ahead of other readers.
      if recent.count == 2 { recent.removeFirst() }
      recent.append((epoch, content))
      return content
    }
  }
}
