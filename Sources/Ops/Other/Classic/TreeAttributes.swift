import ONNXFormat
import ONNXOperators
import ONNXShape

extension TreeForest {
  /// Reads the trees of `TreeEnsembleClassifier` and `TreeEnsembleRegressor`: lists of nodes including
  /// leaves, each with its tree and its number there.
  /// - Parameter votes: the prefix of the attributes of the votes, `class` or `target`
  init(_ node: inout NodeReader, votes prefix: String, targets: Int) throws(OperatorError) {
    let trees = try node.ints("nodes_treeids")
    let numbers = try node.ints("nodes_nodeids")
    let features = try node.ints("nodes_featureids")
    let ifTrue = try node.ints("nodes_truenodeids")
    let ifFalse = try node.ints("nodes_falsenodeids")
    let modes = try node.optionalStrings("nodes_modes") ?? []
    let thresholds = try node.numbers("nodes_values")
    let missing = try node.optionalInts("nodes_missing_value_tracks_true") ?? []
    _ = try node.numbers("nodes_hitrates")
    let count = trees.count
    let lists = [
      numbers.count, features.count, ifTrue.count, ifFalse.count, modes.count, thresholds.count,
    ]
    guard lists.allSatisfy({ $0 == count }), missing.isEmpty || missing.count == count else {
      throw .invalid("the lists 'nodes_…' have different lengths")
    }

    // The index of each node among the nodes, or its complement among the leaves.
    var places: [[Int]: Int] = [:]
    var roots: [Int] = []
    var known: Set<Int> = []
    var inner: [Int] = []
    var leafCount = 0
    for index in 0..<count {
      let isLeaf = modes[index] == "LEAF"
      let place = isLeaf ? ~leafCount : inner.count
      if isLeaf { leafCount += 1 } else { inner.append(index) }
      guard places.updateValue(place, forKey: [trees[index], numbers[index]]) == nil else {
        throw .invalid("node \(numbers[index]) of tree \(trees[index]) is given twice")
      }
      if known.insert(trees[index]).inserted { roots.append(place) }
    }
    func place(_ tree: Int, _ number: Int) throws(OperatorError) -> Int {
      guard let place = places[[tree, number]] else {
        throw .invalid("tree \(tree) has no node \(number)")
      }
      return place
    }
    var nodes: [Node] = []
    for index in inner {
      guard let comparison = Comparison(name: modes[index]) else {
        throw .attribute("nodes_modes", "unknown mode '\(modes[index])'")
      }
      nodes.append(
        Node(
          feature: features[index], comparison: comparison, threshold: thresholds[index],
          missingIsTrue: missing.isEmpty ? false : missing[index] == 1,
          ifTrue: try place(trees[index], ifTrue[index]),
          ifFalse: try place(trees[index], ifFalse[index])))
    }

    var leaves = Array(repeating: [Vote](), count: leafCount)
    let voteTrees = try node.ints("\(prefix)_treeids")
    let voteNodes = try node.ints("\(prefix)_nodeids")
    let ids = try node.ints("\(prefix)_ids")
    let weights = try node.numbers("\(prefix)_weights")
    guard [voteNodes.count, ids.count, weights.count].allSatisfy({ $0 == voteTrees.count }) else {
      throw .invalid("the lists '\(prefix)_…' have different lengths")
    }
    for index in voteTrees.indices {
      let leaf = ~(try place(voteTrees[index], voteNodes[index]))
      // Votes of inner nodes are ignored.
      if leaf >= 0 { leaves[leaf].append(Vote(target: ids[index], weight: weights[index])) }
    }
    try self.init(nodes: nodes, leaves: leaves, roots: roots, targets: targets)
  }
}

extension TreeForest.Comparison {
  static let names = [
    "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ",
  ]

  init?(name: String) {
    guard let index = Self.names.firstIndex(of: name) else { return nil }
    self.init(rawValue: UInt8(index))
  }
}

extension NodeReader {
  /// The numbers of a list of floats, or of the tensor `…_as_tensor` since version 3.
  mutating func numbers(_ name: String) throws(OperatorError) -> [Double] {
    let floats = try optionalFloats(name)
    guard version >= 3, let tensor = try optionalTensor(name + "_as_tensor") else {
      return (floats ?? []).map(Double.init)
    }
    guard floats == nil || floats?.isEmpty == true else {
      throw .attribute(name, "is also given as a tensor")
    }
    guard let numbers = tensor.doubles else {
      throw .attribute(name + "_as_tensor", "expected floats, got \(tensor.type)")
    }
    return numbers
  }
}

extension VersionChange {
  /// Replaces the tensor that version 3 added by a list of floats.
  mutating func floatsInPlaceOfTensor(_ name: String) throws(OperatorError) {
    guard case .tensor(let named)? = try attribute(name + "_as_tensor") else { return }
    guard named.tensor.elementType == .float32 else {
      throw .attribute(name + "_as_tensor", "that version supports only float32")
    }
    drop(name + "_as_tensor")
    set(.floats(name, Array(named.tensor.elements(as: Float.self))))
  }
}
