/// Batches of sequences of similar length, which need little padding.
///
/// Sequences are divided into buckets by length. In every epoch, each bucket is shuffled and divided
/// into batches, and all batches are shuffled.
public struct BucketedBatches: BatchSource {
  private let source: SequenceDataset
  private let batches: EpochCache<[[Int]]>
  /// The number of batches per epoch.
  public let batchCount: Int

  /// Divides sequences into batches.
  /// - Parameters:
  ///   - examples: The indices of the sequences; `nil` for all.
  ///   - size: The number of sequences in a batch.
  ///   - width: The number of different lengths in a bucket.
  ///   - seed: The seed of the shuffle, which differs from epoch to epoch.
  public init(
    _ source: SequenceDataset, examples: [Int]? = nil, size: Int, width: Int = 8, seed: UInt64
  ) {
    precondition(size > 0 && width > 0, "sizes and widths are positive")
    var buckets: [Int: [Int]] = [:]
    for example in examples ?? Array(0..<source.count) {
      buckets[max(0, source.length(of: example) - 1) / width, default: []].append(example)
    }
    let sorted = buckets.sorted { $0.key < $1.key }.map(\.value)
    self.source = source
    batchCount = sorted.reduce(0) { $0 + ($1.count + size - 1) / size }
    batches = EpochCache { epoch in
      var random = RandomStream(seed: seed, UInt64(epoch))
      var batches: [[Int]] = []
      for bucket in sorted {
        let order = bucket.shuffled(using: &random)
        for start in stride(from: 0, to: order.count, by: size) {
          batches.append(Array(order[start..<min(start + size, order.count)]))
        }
      }
      return batches.shuffled(using: &random)
    }
  }

  /// Makes a batch.
  /// - Throws: `DataError` if memory runs out.
  public func batch(epoch: Int, index: Int) throws(DataError) -> Batch {
    precondition(epoch >= 0 && (0..<batchCount).contains(index), "no batch \(index)")
    return try source.batch(of: batches[epoch][index])
  }
}
