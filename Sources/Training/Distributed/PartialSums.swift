import Glibc
import ONNXFormat

/// The sums of one slot over the local shards, which grow as the terms arrive, in any order.
///
/// Each node of the cover of the local shards has a place of its own in the memory to be sent. The first
/// of its terms goes there, and what is added to it stays there; other terms wait in scratch memory.
struct PartialSums {
  private typealias Node = ShardTree.Node

  private enum Place {
    case term, final
    case scratch(TensorStorage)
  }

  private struct Waiting {
    let node: Node
    let place: Place
  }

  private var waiting: [[Waiting]]
  private var isFinalUsed: [Bool]
  private var arrived: [Bool]

  init(shards: Int, nodes: Int) {
    waiting = Array(repeating: [], count: nodes)
    isFinalUsed = Array(repeating: false, count: nodes)
    arrived = Array(repeating: false, count: shards)
  }

  /// Adds a shard's term.
  /// - Parameters:
  ///   - shard: The position of the shard among the local ones.
  ///   - leaf: The shard's node, which is below or equal to `cover[position]`.
  ///   - final: Memory of a node in the cover, in pieces.
  /// - Returns: false if the shard has already added a term.
  mutating func add(
    _ term: UnsafeRawPointer, shard: Int, leaf: ShardTree.Node, cover: ShardTree.Node,
    position: Int, in tree: ShardTree, type: ElementType, byteCount: Int,
    final: PiecewiseMemory, scratch: inout ScratchPool
  ) throws(TensorError) -> Bool {
    guard !arrived[shard] else { return false }
    var node = leaf
    var place = Place.term
    while node != cover {
      if tree.exists(node.sibling) {
        guard let index = waiting[position].firstIndex(where: { $0.node == node.sibling }) else {
          break
        }
        let other = waiting[position].remove(at: index).place
        place = merge(place, other, term: term, type: type, byteCount, final, &scratch)
      }
      node = node.parent
    }
    if case .term = place {
      if isFinalUsed[position] {
        let copy = try scratch.take(byteCount)
        copy.pointer.copyMemory(from: term, byteCount: byteCount)
        place = .scratch(copy)
      } else {
        isFinalUsed[position] = true
        final.store(term)
        place = .final
      }
    }
    waiting[position].append(Waiting(node: node, place: place))
    arrived[shard] = true
    return true
  }

  private func merge(
    _ a: Place, _ b: Place, term: UnsafeRawPointer, type: ElementType, _ byteCount: Int,
    _ final: PiecewiseMemory, _ scratch: inout ScratchPool
  ) -> Place {
    switch (a, b) {
    case (.final, .scratch(let terms)), (.scratch(let terms), .final):
      final.add(terms.pointer, type: type)
      scratch.give(terms)
      return .final
    case (.term, .final), (.final, .term):
      final.add(term, type: type)
      return .final
    case (.term, .scratch(let sums)), (.scratch(let sums), .term):
      type.addElements(at: term, to: sums.pointer, byteCount: byteCount)
      return .scratch(sums)
    case (.scratch(let terms), .scratch(let sums)):
      type.addElements(at: terms.pointer, to: sums.pointer, byteCount: byteCount)
      scratch.give(terms)
      return .scratch(sums)
    case (.term, .term), (.final, .final):
      preconditionFailure("a term is merged with itself")
    }
  }
}

/// The memory of one slot in a partial sum, which is laid in the order of the ranks that receive it.
struct PiecewiseMemory {
  /// A part of the slot that goes to one rank: where it begins, and where in the slot.
  struct Piece {
    let address: UnsafeMutableRawPointer
    let offset: Int
    let byteCount: Int
  }

  let pieces: [Piece]

  func store(_ elements: UnsafeRawPointer) {
    for piece in pieces {
      piece.address.copyMemory(from: elements + piece.offset, byteCount: piece.byteCount)
    }
  }

  func add(_ elements: UnsafeRawPointer, type: ElementType) {
    for piece in pieces {
      type.addElements(
        at: elements + piece.offset, to: piece.address, byteCount: piece.byteCount)
    }
  }
}

/// Memory that is used again for sums of the same size.
struct ScratchPool {
  private var free: [Int: [TensorStorage]] = [:]

  mutating func take(_ byteCount: Int) throws(TensorError) -> TensorStorage {
    if let storage = free[byteCount]?.popLast() { return storage }
    return try TensorStorage(byteCount: byteCount)
  }

  mutating func give(_ storage: TensorStorage) {
    free[storage.byteCount, default: []].append(storage)
  }
}
