import Glibc
import ONNXFormat
import ONNXOperators

/// Adds up the gradients of all shards, in a tree that is the same for any number of ranks.
///
/// Sums lie in buckets, in the order in which they come about. A bucket is sent as soon as all local
/// shards have added to it, and moves on whenever a sum is added. The lock guards all state.
package final class ShardExchange: GradientExchange, @unchecked Sendable {
  private let communicator: any Communicator
  private let ranks: RankShards
  private let monitor = Monitor()
  private var buckets: [GradientBucket] = []
  private var places: [(bucket: Int, position: Int)] = []
  private let blocking: Set<Int>
  private var scratch = ScratchPool()
  private var firstFailure: TrainingError?

  /// Creates an exchange.
  /// - Parameters:
  ///   - slots: The types of the sums, in the order in which they come about.
  ///   - blocking: The slots of `sum`. They are sent at once, each for itself.
  ///   - shards: The number of shards in a batch.
  ///   - bucketBytes: The size from which slots are sent.
  /// - Throws: `TrainingError.model` for more ranks than shards, or a slot that cannot be summed.
  package init(
    slots: [TensorType], blocking: Set<Int> = [], shards: Int, communicator: any Communicator,
    bucketBytes: Int = 1 << 17
  ) throws(TrainingError) {
    guard shards >= communicator.size else {
      throw .model(
        "\(communicator.size) ranks cannot share \(shards) shards: "
          + "expected at least as many shards as ranks")
    }
    (self.communicator, self.blocking) = (communicator, blocking)
    ranks = RankShards(
      tree: ShardTree(shards: shards), rank: communicator.rank, size: communicator.size)
    var open: Int?
    for (number, type) in slots.enumerated() {
      guard type.elementType.hasSums, let sizes = type.shape?.sizes, let count = sizes.elementCount
      else {
        throw .model(
          "sum \(number) over shards: expected floating-point elements of known size, got "
            + "\(type.elementType)\(type.shape?.description ?? "")")
      }
      let index = blocking.contains(number) ? buckets.count : open ?? buckets.count
      if index == buckets.count { buckets.append(GradientBucket(ranks: ranks, tag: index)) }
      let position = buckets[index].append(
        GradientBucket.Slot(
          type: type.elementType, sizes: sizes, byteCount: count * type.elementType.stride))
      places.append((index, position))
      if !blocking.contains(number) {
        open = buckets[index].byteCount < bucketBytes ? index : nil
      }
    }
    begin()
  }

  deinit {
    // Other ranks may still write to memory in transfer, after an error. It is given up.
    for bucket in buckets where bucket.isInTransfer { _ = Unmanaged.passRetained(bucket) }
  }

  /// The shards that this rank computes.
  package var localShards: Range<Int> { ranks.local }

  /// The sizes of the buckets in bytes.
  package var bucketSizes: [Int] { buckets.map(\.byteCount) }

  /// The first error of a shard or of the communication in this step.
  package var failure: TrainingError? { monitor.locked { firstFailure } }

  /// Begins a step, and drops what a failed one left. After one that failed while its sums were sent,
  /// `finish` throws.
  package func begin() {
    monitor.locked {
      firstFailure = nil
      if buckets.contains(where: \.isInTransfer) {
        firstFailure = .rank("a step cannot begin: the sums of a failed step are still being sent")
        return
      }
      for bucket in buckets { bucket.begin() }
    }
  }

  /// Wakes the shards that wait in `sum`, which throw an error.
  package func fail(_ error: TrainingError) {
    monitor.locked {
      if firstFailure == nil { firstFailure = error }
      monitor.wakeAll()
    }
  }

  /// Takes a shard's term of a sum, and moves the transfers of other sums on.
  package func add(
    _ elements: UnsafeRawBufferPointer, slot: Int, shard: Int
  ) throws(OperatorError) {
    try monitor.locked { () throws(OperatorError) in
      try take(elements, slot: slot, shard: shard)
      advance()
    }
  }

  /// Takes a shard's term of a sum, waits for those of all other shards, and writes the sum.
  package func sum(
    _ elements: UnsafeRawBufferPointer, into result: UnsafeMutableRawBufferPointer, slot: Int,
    shard: Int
  ) throws(OperatorError) {
    // The shards of other sums are computed one after the other: none would wait for the next one.
    guard blocking.contains(slot) else {
      throw .invalid("shards do not wait for sum \(slot): expected one of \(blocking.sorted())")
    }
    let bucket = try monitor.locked { () throws(OperatorError) -> GradientBucket in
      let bucket = try take(elements, slot: slot, shard: shard)
      while bucket.isCollecting && firstFailure == nil { monitor.wait() }
      return bucket
    }
    try Pause.until { () throws(OperatorError) in
      try monitor.locked { () throws(OperatorError) in
        advance()
        if let firstFailure { throw .invalid(firstFailure.description) }
        return bucket.isComplete
      }
    }
    bucket.sum(places[slot].position).withUnsafeBytes { result.copyMemory(from: $0) }
  }

  /// Waits for the sums.
  /// - Returns: The sum of each slot, with the same bits on all ranks.
  /// - Throws: The first error of the step.
  package func finish() throws(TrainingError) -> [Tensor] {
    try Pause.until { () throws(TrainingError) in
      try monitor.locked { () throws(TrainingError) in
        advance()
        if let firstFailure { throw firstFailure }
        if let slot = places.firstIndex(where: { buckets[$0.bucket].isCollecting }) {
          throw .model("a shard has not added its term to sum \(slot), or to a later one")
        }
        return buckets.allSatisfy(\.isComplete)
      }
    }
    return places.map { buckets[$0.bucket].sum($0.position) }
  }

  @discardableResult
  private func take(
    _ elements: UnsafeRawBufferPointer, slot: Int, shard: Int
  ) throws(OperatorError) -> GradientBucket {
    guard places.indices.contains(slot), ranks.local.contains(shard) else {
      throw .invalid(
        "no sum \(slot) of shard \(shard): expected sums 0 to \(places.count - 1) of shards "
          + "\(ranks.local.lowerBound) to \(ranks.local.upperBound - 1)")
    }
    let (index, position) = places[slot]
    let bucket = buckets[index]
    let expected = bucket.slots[position].byteCount
    guard elements.count == expected else {
      throw .invalid("sum \(slot): expected \(expected) bytes, got \(elements.count)")
    }
    let isFirst: Bool
    do throws(TensorError) {
      isFirst = try bucket.add(elements, slot: position, shard: shard, scratch: &scratch)
    } catch {
      throw OperatorError(error)
    }
    guard isFirst else { throw .invalid("shard \(shard) adds to sum \(slot) twice") }
    if !bucket.isCollecting { monitor.wakeAll() }
    return bucket
  }

  /// Moves all transfers on.
  private func advance() {
    guard firstFailure == nil else { return }
    do throws(TrainingError) {
      for bucket in buckets { try bucket.advance(communicator) }
    } catch {
      firstFailure = error
      monitor.wakeAll()
    }
  }
}

/// The pauses of a thread that waits for other ranks: at first it only yields, then it sleeps.
package enum Pause {
  /// Asks again and again, with pauses, until a condition holds.
  package static func until<E: Error>(_ holds: () throws(E) -> Bool) throws(E) {
    var count = 0
    while try !holds() {
      count += 1
      if count < 1000 { sched_yield() } else { usleep(50) }
    }
  }
}
