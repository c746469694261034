import ONNXFormat
import ONNXOperators
import ONNXShape

/// Decision trees. A row of features reaches one leaf of each tree, whose votes are counted.
struct TreeForest: Sendable {
  enum Comparison: UInt8, Sendable {
    case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, member
  }

  struct Node: Sendable {
    var feature: Int
    var comparison: Comparison
    var threshold: Double
    /// The branch for a missing feature, NaN.
    var missingIsTrue: Bool
    var members: Set<Double> = []
    /// The index of a node, or the complement of that of a leaf.
    var ifTrue: Int
    var ifFalse: Int
  }

  struct Vote: Sendable {
    let target: Int
    let weight: Double
  }

  let nodes: [Node]
  /// The votes of each leaf.
  let leaves: [[Vote]]
  /// Indices of nodes, or complements of those of leaves.
  let roots: [Int]
  /// The least number of features of a row.
  let featureCount: Int

  /// - Throws: `OperatorError.invalid` for indices out of range, and for cycles
  init(nodes: [Node], leaves: [[Vote]], roots: [Int], targets: Int) throws(OperatorError) {
    func check(_ place: Int) throws(OperatorError) {
      guard place >= 0 ? place < nodes.count : ~place < leaves.count else {
        throw .invalid("a tree refers to node \(place >= 0 ? place : ~place), which does not exist")
      }
    }
    for root in roots { try check(root) }
    for (index, node) in nodes.enumerated() {
      try check(node.ifTrue)
      try check(node.ifFalse)
      guard node.feature >= 0, node.feature < 1 << 40 else {
        throw .invalid("node \(index) has feature \(node.feature)")
      }
    }
    for vote in leaves.joined() where !(0..<targets).contains(vote.target) {
      throw .invalid("a leaf votes for \(vote.target) of \(targets) targets")
    }
    self.nodes = nodes
    self.leaves = leaves
    self.roots = roots
    featureCount = (nodes.map(\.feature).max() ?? -1) + 1
    try checkForCircles()
  }

  private func checkForCircles() throws(OperatorError) {
    enum State { case new, open, done }
    var states = Array(repeating: State.new, count: nodes.count)
    for root in roots where root >= 0 {
      var stack = [root]
      while let place = stack.last {
        switch states[place] {
        case .new:
          states[place] = .open
          for child in [nodes[place].ifTrue, nodes[place].ifFalse] where child >= 0 {
            if states[child] == .open { throw .invalid("node \(child) is its own descendant") }
            if states[child] == .new { stack.append(child) }
          }
        case .open, .done:
          states[place] = .done
          stack.removeLast()
        }
      }
    }
  }

  /// The votes of the leaf that a row reaches from a root.
  @inline(__always)
  func votes<T: BinaryFloatingPoint>(_ root: Int, _ row: (Int) -> T) -> [Vote] {
    var place = root
    while place >= 0 {
      let node = nodes[place]
      let x = Double(row(node.feature))
      let holds =
        switch node.comparison {
        case _ where x.isNaN: node.missingIsTrue
        case .lessOrEqual: x <= node.threshold
        case .less: x < node.threshold
        case .greaterOrEqual: x >= node.threshold
        case .greater: x > node.threshold
        case .equal: x == node.threshold
        case .notEqual: x != node.threshold
        case .member: node.members.contains(x)
        }
      place = holds ? node.ifTrue : node.ifFalse
    }
    return leaves[~place]
  }
}
