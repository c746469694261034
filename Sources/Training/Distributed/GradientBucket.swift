import ONNXFormat

/// Slots that are sent together, and their way from local terms to the sums over all shards.
///
/// With few ranks or bytes, every rank gets the partial sums of all and adds them. Otherwise the bucket
/// is cut into a chunk for each rank: a rank gets its chunk of all partial sums, adds them, and gives the
/// sum to all.
final class GradientBucket {
  /// A slot's type and place.
  struct Slot {
    let type: ElementType
    let sizes: [Int]
    let byteCount: Int
    var offset = 0
  }

  private enum Phase {
    case collecting, collected
    case exchanging(any Transfer)
    case gathering(any Transfer)
    case complete
  }

  /// Slots, chunks and nodes begin at multiples of it.
  private static let alignment = 64
  /// The largest bucket that every rank adds as a whole, whatever the number of ranks.
  private static let smallSize = 1 << 13

  private(set) var slots: [Slot] = []
  private(set) var byteCount = 0
  private let ranks: RankShards
  private let tag: Int
  private var sums: [PartialSums] = []
  private var missing = 0
  private var phase = Phase.collecting
  private var sent: TensorStorage?
  private var received: TensorStorage?
  private var result: TensorStorage?

  init(ranks: RankShards, tag: Int) {
    self.ranks = ranks
    self.tag = tag
  }

  /// Appends a slot.
  /// - Returns: its position in the bucket.
  func append(_ slot: Slot) -> Int {
    slots.append(slot)
    slots[slots.count - 1].offset = byteCount
    byteCount += (slot.byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
    return slots.count - 1
  }

  var isComplete: Bool { if case .complete = phase { true } else { false } }
  var isCollecting: Bool { if case .collecting = phase { true } else { false } }
  /// Whether other ranks may still write to the memory.
  var isInTransfer: Bool {
    switch phase {
    case .exchanging, .gathering: true
    default: false
    }
  }

  /// Begins a step. Tensors of the step before keep their elements.
  func begin() {
    if !isKnownUniquelyReferenced(&result) { result = nil }
    let start = PartialSums(shards: ranks.local.count, nodes: ranks.cover.count)
    sums = Array(repeating: start, count: slots.count)
    missing = slots.count * ranks.local.count
    phase = .collecting
  }

  // MARK: Local terms

  /// Adds the term of a local shard to a slot.
  /// - Returns: false if the shard has already added one.
  func add(
    _ elements: UnsafeRawBufferPointer, slot position: Int, shard: Int, scratch: inout ScratchPool
  ) throws(TensorError) -> Bool {
    let memory = try partialSums
    let slot = slots[position]
    let node = ranks.node(of: shard)
    let final = PiecewiseMemory(
      pieces: pieces(of: slot, node: node, in: memory))
    let isFirst = try sums[position].add(
      elements.baseAddress ?? UnsafeRawPointer(memory.pointer),
      shard: shard - ranks.local.lowerBound,
      leaf: ShardTree.Node(level: 0, index: shard), cover: ranks.cover[node], position: node,
      in: ranks.tree, type: slot.type, byteCount: slot.byteCount, final: final, scratch: &scratch)
    if isFirst { missing -= 1 }
    if missing == 0 && isCollecting { phase = ranks.size > 1 ? .collected : .complete }
    return isFirst
  }

  /// The memory of this rank's partial sums; that of the result if there is no other rank.
  private var partialSums: TensorStorage {
    get throws(TensorError) {
      ranks.size > 1
        ? try memory(&sent, ranks.cover.count * byteCount) : try memory(&result, byteCount)
    }
  }

  private func memory(
    _ storage: inout TensorStorage?, _ byteCount: Int
  ) throws(TensorError) -> TensorStorage {
    if let storage { return storage }
    let new = try TensorStorage(byteCount: byteCount)
    // The gaps between slots are sent too.
    new.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    storage = new
    return new
  }

  private func pieces(
    of slot: Slot, node: Int, in memory: TensorStorage
  ) -> [PiecewiseMemory.Piece] {
    var pieces: [PiecewiseMemory.Piece] = []
    for chunk in chunks {
      let start = max(chunk.lowerBound, slot.offset)
      let end = min(chunk.upperBound, slot.offset + slot.byteCount)
      guard start < end else { continue }
      let place =
        ranks.cover.count * chunk.lowerBound + node * chunk.count + start - chunk.lowerBound
      pieces.append(
        PiecewiseMemory.Piece(
          address: memory.pointer + place, offset: start - slot.offset, byteCount: end - start))
    }
    return pieces
  }

  // MARK: Other ranks

  private var isWhole: Bool { ranks.size <= 2 || byteCount <= Self.smallSize }

  /// The part that each rank adds.
  private lazy var chunks: [Range<Int>] = {
    if isWhole { return [0..<byteCount] }
    let units = byteCount / Self.alignment
    return (0..<ranks.size).map { rank in
      units * rank / ranks.size * Self.alignment..<units * (rank + 1) / ranks.size * Self.alignment
    }
  }()

  private var ownChunk: Range<Int> { isWhole ? chunks[0] : chunks[ranks.rank] }

  /// Moves the bucket on, without waiting.
  func advance(_ communicator: any Communicator) throws(TrainingError) {
    while true {
      switch phase {
      case .collecting, .complete: return
      case .collected:
        phase = .exchanging(try startExchange(communicator))
      case .exchanging(let transfer):
        guard try transfer.advance() else { return }
        addReceived()
        phase = isWhole ? .complete : .gathering(try startGather(communicator))
      case .gathering(let transfer):
        guard try transfer.advance() else { return }
        phase = .complete
      }
    }
  }

  private func startExchange(
    _ communicator: any Communicator
  ) throws(TrainingError) -> any Transfer {
    let counts = ranks.covers.map { $0.count * ownChunk.count }
    let sent: TensorStorage
    let received: TensorStorage
    do throws(TensorError) {
      sent = try partialSums
      if isWhole {
        received = try memory(&result, counts.reduce(0, +))
      } else {
        received = try memory(&self.received, counts.reduce(0, +))
        _ = try memory(&result, byteCount)
      }
    } catch {
      throw .model(error.description)
    }
    let size = ranks.cover.count * byteCount
    let send = UnsafeRawBufferPointer(start: sent.pointer, count: size)
    let receive = UnsafeMutableRawBufferPointer(start: received.pointer, count: counts.reduce(0, +))
    if isWhole {
      return try communicator.startGather(send, into: receive, receiveCounts: counts, tag: 2 * tag)
    }
    return try communicator.startExchange(
      send, sendCounts: chunks.map { ranks.cover.count * $0.count }, into: receive,
      receiveCounts: counts, tag: 2 * tag)
  }

  private func startGather(_ communicator: any Communicator) throws(TrainingError) -> any Transfer {
    guard let received, let result else { preconditionFailure("nothing was received") }
    return try communicator.startGather(
      UnsafeRawBufferPointer(start: received.pointer, count: ownChunk.count),
      into: UnsafeMutableRawBufferPointer(start: result.pointer, count: byteCount),
      receiveCounts: chunks.map(\.count), tag: 2 * tag + 1)
  }

  /// Adds the partial sums of all ranks, which lie one after the other, into the first.
  private func addReceived() {
    guard let received = isWhole ? result : received else { return }
    let chunk = ownChunk
    for slot in slots {
      let start = max(chunk.lowerBound, slot.offset)
      let end = min(chunk.upperBound, slot.offset + slot.byteCount)
      guard start < end else { continue }
      let first = received.pointer + (start - chunk.lowerBound)
      for (into, from) in ranks.additions {
        slot.type.addElements(
          at: first + from * chunk.count, to: first + into * chunk.count, byteCount: end - start)
      }
    }
  }

  // MARK: Sums

  /// The sum of a slot of a complete bucket, in the memory of the bucket.
  func sum(_ position: Int) -> Tensor {
    guard let result else { preconditionFailure("the bucket is not complete") }
    let slot = slots[position]
    let storage = TensorStorage(
      borrowing: UnsafeRawBufferPointer(start: result.pointer, count: result.byteCount),
      at: result.pointer + slot.offset, byteCount: slot.byteCount
    ) { _ in withExtendedLifetime(result) {} }
    return Tensor(storage, of: slot.type, shape: slot.sizes)
  }
}

/// Which shards belong to which rank.
struct RankShards {
  let tree: ShardTree
  let rank: Int
  let size: Int
  /// The shards of this rank.
  let local: Range<Int>
  /// The nodes of the tree that each rank sends.
  let covers: [[ShardTree.Node]]
  /// The additions of what all ranks send, one after the other.
  let additions: [(into: Int, from: Int)]

  init(tree: ShardTree, rank: Int, size: Int) {
    self.tree = tree
    self.rank = rank
    self.size = size
    local = tree.shards(of: rank, size: size)
    covers = (0..<size).map { tree.cover(tree.shards(of: $0, size: size)) }
    additions = tree.additions(covers.flatMap(\.self))
  }

  /// The nodes that this rank sends.
  var cover: [ShardTree.Node] { covers[rank] }

  /// The position in `cover` of the node that a local shard is part of.
  func node(of shard: Int) -> Int {
    cover.lastIndex { $0.index << $0.level <= shard } ?? 0
  }
}
