import ONNX
import TestRanks
import Testing

@testable import ONNXTraining

/// The sum over shards as its definition says it: of halves, the left one a power of two.
private func treeSum(_ terms: ArraySlice<[Float]>, _ add: (Float, Float) -> Float) -> [Float] {
  guard terms.count > 1 else { return terms.first ?? [] }
  var half = 1
  while half * 2 < terms.count { half *= 2 }
  let left = treeSum(terms.prefix(half), add)
  let right = treeSum(terms.dropFirst(half), add)
  return zip(left, right).map { add($0, $1) }
}

/// Terms of which the sum depends on the order of additions.
private func terms(shards: Int, slot: Int, count: Int) -> [[Float]] {
  (0..<shards).map { shard in
    var random = RandomStream(seed: 7, UInt64(shard), UInt64(slot))
    return (0..<count).map { _ in
      Float(random.normal()) * Float(1 << random.integer(below: 10))
    }
  }
}

private func tensor(_ type: ElementType, _ values: [Float]) -> Tensor {
  switch type {
  case .float64: Tensor(shape: [values.count], values.map { Double($0) / 3 })
  case .float16: Tensor(shape: [values.count], values.map { Float16($0) })
  case .bfloat16: Tensor(shape: [values.count], values.map { BFloat16($0) })
  default: Tensor(shape: [values.count], values)
  }
}

/// Adds all terms, by ranks whose shards come in a shuffled order, and returns the sums of each rank.
private func exchanged(
  _ slots: [[Tensor]], ranks: Int, bucketBytes: Int, delays: UInt64? = nil, steps: Int = 1
) throws -> [[Tensor]] {
  let shards = slots[0].count
  return try withRanks(ranks, delays: delays) { communicator in
    let exchange = try ShardExchange(
      slots: slots.map { $0[0].type }, shards: shards, communicator: communicator,
      bucketBytes: bucketBytes)
    var random = RandomStream(seed: delays ?? 0, UInt64(communicator.rank))
    var sums: [Tensor] = []
    for _ in 0..<steps {
      exchange.begin()
      let places = exchange.localShards.flatMap { shard in slots.indices.map { (shard, $0) } }
      for place in random.permutation(places.count) {
        let (shard, slot) = places[place]
        try slots[slot][shard].withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws in
          try exchange.add(bytes, slot: slot, shard: shard)
        }
      }
      sums = try exchange.finish()
    }
    return sums
  }
}

@Suite struct ShardExchangeTests {
  static let sizes = [5, 3000, 1, 0, 70, 2500]
  static let types: [ElementType] = [.float32, .float64, .float16, .bfloat16]

  @Test(arguments: [1, 4, 5, 6, 7, 8])
  func sumsHaveTheSameBitsOnAnyNumberOfRanks(shards: Int) throws {
    let slots = Self.sizes.enumerated().map { slot, count in
      terms(shards: shards, slot: slot, count: count).map { tensor(Self.types[slot % 4], $0) }
    }
    let alone = try exchanged(slots, ranks: 1, bucketBytes: 1 << 10)[0]
    for ranks in 1...shards {
      for (seed, bucketBytes) in [(nil, 1 << 20), (3, 1), (4, 1 << 12)] as [(UInt64?, Int)] {
        let all = try exchanged(
          slots, ranks: ranks, bucketBytes: bucketBytes, delays: seed, steps: 2)
        for sums in all { #expect(sums == alone, "\(ranks) ranks, buckets of \(bucketBytes)") }
      }
    }
  }

  @Test(arguments: [4, 6, 8]) func sumsGoUpATreeOverShards(shards: Int) throws {
    let values = terms(shards: shards, slot: 0, count: 3000)
    let sums = try exchanged([values.map { tensor(.float32, $0) }], ranks: 3, bucketBytes: 1)[0][0]
    #expect(sums == tensor(.float32, treeSum(values[...], +)))
    let inOrder = values.dropFirst().reduce(values[0]) { zip($0, $1).map(+) }
    #expect(sums != tensor(.float32, inOrder))
  }

  @Test func narrowSumsAreRoundedAtEachAddition() throws {
    let values = terms(shards: 4, slot: 0, count: 100).map { $0.map { Float(Float16($0)) } }
    let sums = try exchanged([values.map { tensor(.float16, $0) }], ranks: 2, bucketBytes: 1)[0][0]
    #expect(sums == tensor(.float16, treeSum(values[...]) { Float(Float16($0 + $1)) }))
  }

  @Test func smallSlotsShareABucket() throws {
    let types = [100, 100, 5000, 10, 10].map { TensorType(.float32, [$0]) }
    let exchange = try ShardExchange(
      slots: types, blocking: [3], shards: 4, communicator: SingleProcess(), bucketBytes: 1000)
    #expect(exchange.bucketSizes == [448 + 448 + 20032, 64, 64])
  }

  @Test func sumsOfAStepOutliveTheNext() throws {
    let exchange = try ShardExchange(
      slots: [TensorType(.float32, [2])], shards: 1, communicator: SingleProcess())
    func step(_ values: [Float]) throws -> Tensor {
      exchange.begin()
      try values.withUnsafeBytes { try exchange.add($0, slot: 0, shard: 0) }
      return try exchange.finish()[0]
    }
    let first = try step([1, 2])
    let second = try step([3, 4])
    #expect(first == Tensor(shape: [2], [1, 2] as [Float]))
    #expect(second == Tensor(shape: [2], [3, 4] as [Float]))
  }

  @Test(arguments: [1, 2, 3]) func blockingSumsWaitForAllShards(ranks: Int) throws {
    let shards = 6
    let values = terms(shards: shards, slot: 0, count: 40)
    let expected = treeSum(values[...], +)
    let sums = try withRanks(ranks, delays: 5) { communicator in
      let exchange = try ShardExchange(
        slots: [TensorType(.float32, [40])], blocking: [0], shards: shards,
        communicator: communicator)
      let local = exchange.localShards
      return try withRanks(local.count) { thread in
        try blockingSum(
          values[local.lowerBound + thread.rank], exchange, local.lowerBound + thread.rank)
      }
    }
    for sum in sums.joined() { #expect(sum == expected) }
  }

  private func blockingSum(
    _ values: [Float], _ exchange: ShardExchange, _ shard: Int
  ) throws -> [Float] {
    var sum = [Float](repeating: 0, count: values.count)
    try values.withUnsafeBytes { term in
      try sum.withUnsafeMutableBytes { try exchange.sum(term, into: $0, slot: 0, shard: shard) }
    }
    return sum
  }

  @Test func aFailedShardWakesThoseThatWait() throws {
    let exchange = try ShardExchange(
      slots: [TensorType(.float32, [1])], blocking: [0], shards: 2, communicator: SingleProcess())
    let results = resultsOfRanks(2) { thread in
      if thread.rank == 1 { return exchange.fail(.model("no memory")) }
      _ = try blockingSum([1], exchange, 0)
    }
    #expect(throws: OperatorError.invalid("no memory")) { try results[0].get() }
    #expect(throws: TrainingError.model("no memory")) { try exchange.finish() }
    exchange.begin()
    #expect(exchange.failure == nil)
  }

  @Test func aRankThatEndsFailsTheOthers() throws {
    let results = resultsOfRanks(3, delays: 1) { communicator in
      if communicator.rank == 1 { throw TrainingError.model("its data is damaged") }
      let exchange = try ShardExchange(
        slots: [TensorType(.float32, [3])], shards: 3, communicator: communicator)
      try [1, 2, 3 as Float].withUnsafeBytes {
        try exchange.add($0, slot: 0, shard: communicator.rank)
      }
      _ = try exchange.finish()
    }
    for rank in [0, 2] {
      #expect(throws: TrainingError.rank("rank 1 has ended")) { try results[rank].get() }
    }
  }

  @Test func wrongCallsThrow() throws {
    #expect(
      throws: TrainingError.model(
        "sum 0 over shards: expected floating-point elements of known size, got int64[2]")
    ) {
      try ShardExchange(
        slots: [TensorType(.int64, [2])], shards: 2, communicator: SingleProcess())
    }
    let one = try ShardExchange(
      slots: [TensorType(.float32, [1])], shards: 2, communicator: SingleProcess())
    func add(_ bytes: Int, slot: Int, shard: Int) throws {
      try [UInt8](repeating: 0, count: bytes).withUnsafeBytes {
        try one.add($0, slot: slot, shard: shard)
      }
    }
    #expect(
      throws: OperatorError.invalid("shards do not wait for sum 0: expected one of []")
    ) { _ = try blockingSum([1], one, 0) }
    #expect(throws: OperatorError.invalid("sum 0: expected 4 bytes, got 8")) {
      try add(8, slot: 0, shard: 0)
    }
    #expect(
      throws: OperatorError.invalid("no sum 1 of shard 0: expected sums 0 to 0 of shards 0 to 1")
    ) { try add(4, slot: 1, shard: 0) }
    try add(4, slot: 0, shard: 0)
    #expect(throws: OperatorError.invalid("shard 0 adds to sum 0 twice")) {
      try add(4, slot: 0, shard: 0)
    }
    #expect(
      throws: TrainingError.model("a shard has not added its term to sum 0, or to a later one")
    ) { try one.finish() }
    let results = resultsOfRanks(3) { communicator in
      _ = try ShardExchange(
        slots: [TensorType(.float32, [1])], shards: 2, communicator: communicator)
    }
    #expect(
      throws: TrainingError.model(
        "3 ranks cannot share 2 shards: expected at least as many shards as ranks")
    ) { try results[0].get() }
  }
}
