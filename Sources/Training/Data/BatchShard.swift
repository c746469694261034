import ONNXFormat

/// A part of a batch: the examples that one run of a training step differentiates.
///
/// A batch of `n` examples is cut along the first axis of its tensors into a fixed number of shards,
/// whose sizes are as equal as possible, larger ones first.
public struct BatchShard: Sendable {
  /// The examples. A shard without any holds the batch's first example, which does not count: so every
  /// run has shapes that the model accepts, and no shard divides by the size of nothing.
  public var batch: Batch
  /// The number of examples that count.
  public var exampleCount: Int
  /// The number of examples in the whole batch.
  public var batchCount: Int

  /// Creates a shard.
  public init(_ batch: Batch, exampleCount: Int, of batchCount: Int) {
    self.batch = batch
    self.exampleCount = exampleCount
    self.batchCount = batchCount
  }

  /// The examples of a shard; empty if there are fewer examples than shards.
  static func examples(of shard: Int, of count: Int, in batchCount: Int) -> Range<Int> {
    let (size, rest) = batchCount.quotientAndRemainder(dividingBy: count)
    let start = shard * size + min(shard, rest)
    return start..<start + size + (shard < rest ? 1 : 0)
  }
}

extension Batch {
  /// Cuts a shard out of the batch.
  /// - Parameters:
  ///   - number: The number of the shard.
  ///   - count: The number of shards.
  /// - Throws: `DataError` if the first axes of the tensors do not have the same size.
  public func shard(_ number: Int, of count: Int) throws(DataError) -> BatchShard {
    let named = tensors.sorted { $0.key < $1.key }
    guard let first = named.first, let size = first.value.shape.first, size > 0 else {
      throw DataError(
        "a batch is cut into shards along the first axis of its tensors, but "
          + (named.first.map { "'\($0.key)' has shape \($0.value.shape)" } ?? "it has none"))
    }
    if let other = named.first(where: { $0.value.shape.first != size }) {
      throw DataError(
        "a batch is cut into shards along the first axis of its tensors, but '\(first.key)' has shape "
          + "\(first.value.shape) and '\(other.key)' \(other.value.shape)")
    }
    let examples = BatchShard.examples(of: number, of: count, in: size)
    let rows = examples.isEmpty ? 0..<1 : examples
    var part = self
    part.count = self.count * rows.count / size
    for (name, tensor) in named { part.tensors[name] = try tensor.rows(rows) }
    return BatchShard(part, exampleCount: examples.count, of: size)
  }
}

extension Tensor {
  /// A copy of the elements at some indices of the first axis.
  fileprivate func rows(_ rows: Range<Int>) throws(DataError) -> Tensor {
    guard elementType != .string else {
      throw DataError("a batch with strings cannot be cut into shards")
    }
    let shape = [rows.count] + shape.dropFirst()
    let size = storage.byteCount / self.shape[0]
    do throws(TensorError) {
      let part = try Tensor(uninitialized: elementType, shape: shape)
      part.storage.pointer.copyMemory(
        from: storage.pointer + rows.lowerBound * size, byteCount: rows.count * size)
      return part
    } catch { throw DataError("\(error)") }
  }
}

extension BatchSource {
  /// Makes the batch and cuts the shard out of it.
  public func shard(
    _ number: Int, of count: Int, epoch: Int, index: Int
  ) throws -> BatchShard {
    try batch(epoch: epoch, index: index).shard(number, of: count)
  }
}

/// The batches of a source, of which only the shards of one rank are made.
struct LocalShards: BatchSource {
  let source: any BatchSource
  let shards: Range<Int>
  let count: Int

  var batchCount: Int { source.batchCount }

  func batch(epoch: Int, index: Int) throws -> Batch {
    Batch(try shards.map { try shard($0, of: count, epoch: epoch, index: index) })
  }

  func shard(_ number: Int, of count: Int, epoch: Int, index: Int) throws -> BatchShard {
    try source.shard(number, of: count, epoch: epoch, index: index)
  }
}

extension Batch {
  /// A batch of which only some shards are there.
  init(_ shards: [BatchShard]) {
    self.init(
      [:], count: shards.reduce(0) { $0 + $1.batch.count },
      startsState: shards.contains { $0.batch.startsState })
    self.shards = shards
  }
}
