/// The binary tree in which the terms of a sum over shards are added: pairs of neighbours, pairs of
/// pairs, and so on. A pair whose right half lies past the last shard is its left half.
struct ShardTree {
  /// The sum over the shards `index << level ..< (index + 1) << level`, as far as they exist.
  struct Node: Hashable {
    var level: Int
    var index: Int

    var parent: Node { Node(level: level + 1, index: index / 2) }
    var sibling: Node { Node(level: level, index: index ^ 1) }
  }

  /// The number of shards.
  let shards: Int
  /// The sum over all shards.
  let root: Node

  init(shards: Int) {
    self.shards = shards
    var level = 0
    while 1 << level < shards { level += 1 }
    root = Node(level: level, index: 0)
  }

  /// Whether the node has a shard.
  func exists(_ node: Node) -> Bool { node.index << node.level < shards }

  /// The shards of a rank.
  func shards(of rank: Int, size: Int) -> Range<Int> {
    rank * shards / size..<(rank + 1) * shards / size
  }

  /// The fewest nodes that cover a range of shards, in order.
  func cover(_ range: Range<Int>) -> [Node] {
    var nodes: [Node] = []
    var start = range.lowerBound
    while start < range.upperBound {
      var level = 0
      while level < root.level, start % (2 << level) == 0,
        min(start + 2 << level, shards) <= range.upperBound
      {
        level += 1
      }
      nodes.append(Node(level: level, index: start >> level))
      start = min(start + 1 << level, shards)
    }
    return nodes
  }

  /// The additions that make the sum over all shards from nodes that cover them in order. The sum is
  /// that at position 0 in the end.
  func additions(_ nodes: [Node]) -> [(into: Int, from: Int)] {
    var additions: [(into: Int, from: Int)] = []
    var waiting: [Node: Int] = [:]
    for (position, node) in nodes.enumerated() {
      var node = node
      var position = position
      while node != root {
        if node.index % 2 == 1, let left = waiting[node.sibling] {
          additions.append((into: left, from: position))
          position = left
        } else if exists(node.sibling) {
          break
        }
        node = node.parent
      }
      waiting[node] = position
    }
    return additions
  }
}
