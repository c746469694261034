import ONNXFormat
import ONNXOperators
import ONNXShape

extension TreeEnsemble {
  static var versionSteps: [VersionStep] {
    [.introduced(5) { change throws(OperatorError) in try change.becomeTreeEnsembleRegressor() }]
  }
}

extension VersionStep {
  /// Version 5 replaced the operators by `TreeEnsemble`.
  static let treesWithoutLeafNodes = VersionStep(
    5, up: { change throws(OperatorError) in try change.becomeTreeEnsemble() })

  /// Version 3 added tensors as an alternative to lists of floats.
  static func treeTensors(_ names: [String]) -> VersionStep {
    VersionStep(
      3,
      down: { change throws(OperatorError) in
        for name in names { try change.floatsInPlaceOfTensor(name) }
      })
  }

  static let treesWithoutLabels = VersionStep(
    5,
    up: { change throws(OperatorError) in
      throw .unsupported("TreeEnsemble, which replaced the operator, has no labels")
    })
}

/// The largest number of nodes of a converted forest, in which shared children are copied.
private let maxTreeNodes = 1 << 20

extension VersionChange {
  private func requiredInts(_ name: String, count: Int? = nil) throws(OperatorError) -> [Int] {
    guard let list = try ints(name) else { throw .attribute(name, "is missing") }
    guard count == nil || list.count == count else {
      throw .attribute(name, "expected \(count ?? 0) values, got \(list.count)")
    }
    return list
  }

  /// The float32 numbers of a list or a tensor.
  private func treeNumbers(_ name: String) throws(OperatorError) -> [Float] {
    switch try attribute(name) {
    case .floats(let list): return list
    case .ints(let list) where list.isEmpty: return []
    case .tensor(let named):
      guard let numbers = try? named.tensor.array(as: Float.self) else {
        throw .attribute(name, "that version supports only float32")
      }
      return numbers
    default: return []
    }
  }

  /// Moves the leaves into the lists of nodes.
  fileprivate mutating func becomeTreeEnsembleRegressor() throws(OperatorError) {
    guard try elementType(0) == .float32 else {
      throw .input(0, "that version always has a float32 result")
    }
    let features = try requiredInts("nodes_featureids")
    let count = features.count
    let children = [
      try requiredInts("nodes_truenodeids", count: count),
      try requiredInts("nodes_falsenodeids", count: count),
    ]
    let areLeaves = [
      try requiredInts("nodes_trueleafs", count: count),
      try requiredInts("nodes_falseleafs", count: count),
    ]
    let missing = try ints("nodes_missing_value_tracks_true") ?? []
    guard case .tensor(let modes)? = try attribute("nodes_modes"),
      let codes = try? modes.tensor.array(as: UInt8.self), codes.count == count
    else { throw .attribute("nodes_modes", "expected \(count) of type uint8") }
    let splits = try treeNumbers("nodes_splits")
    let targets = try requiredInts("leaf_targetids")
    let weights = try treeNumbers("leaf_weights")
    guard splits.count == count, weights.count == targets.count else {
      throw .attribute("nodes_splits", "the lists have different lengths")
    }
    // The set of each node. A set is expanded to a node for each of its numbers.
    var sets: [[Float]] = []
    var members = try treeNumbers("membership_values")[...]
    for code in codes {
      guard code == TreeForest.Comparison.member.rawValue else {
        sets.append([])
        continue
      }
      sets.append(Array(members.prefix { !$0.isNaN }))
      members = members.drop { !$0.isNaN }.dropFirst()
    }

    var list = LeafNodeTrees()
    var total = 0
    for (tree, root) in try requiredInts("tree_roots").enumerated() {
      /// The leaf at each number of the tree, or the node and the index in its set.
      var pending: [(isLeaf: Bool, index: Int, member: Int)] = [(false, root, 0)]
      var number = 0
      while number < pending.count {
        guard total + pending.count <= maxTreeNodes else {
          throw .unsupported("more than \(maxTreeNodes) nodes when shared ones are copied")
        }
        let (isLeaf, index, member) = pending[number]
        if isLeaf {
          guard targets.indices.contains(index) else { throw .invalid("there is no leaf \(index)") }
          list.addLeaf(tree, number, target: targets[index], weight: weights[index])
          number += 1
          continue
        }
        guard features.indices.contains(index) else { throw .invalid("there is no node \(index)") }
        let isSet = codes[index] == TreeForest.Comparison.member.rawValue
        let mode = isSet ? "BRANCH_EQ" : TreeForest.Comparison.names[safe: Int(codes[index])]
        guard let mode else { throw .attribute("nodes_modes", "unknown mode \(codes[index])") }
        let next = pending.count
        pending.append((areLeaves[0][index] == 1, children[0][index], 0))
        pending.append(
          isSet && member + 1 < sets[index].count
            ? (false, index, member + 1) : (areLeaves[1][index] == 1, children[1][index], 0))
        list.addNode(
          tree, number, feature: features[index], mode: mode,
          value: isSet ? sets[index][safe: member] ?? .nan : splits[index],
          tracksTrue: mode == "BRANCH_NEQ" || missing[safe: index] == 1, children: next)
        number += 1
      }
      total += number
    }
    let aggregate = TreeAggregate.names[safe: try int("aggregate_function") ?? 1]
    let transform = TreeTransform.names[safe: try int("post_transform") ?? 0]
    guard let aggregate, let transform else {
      throw .attribute("aggregate_function", "is not a known function")
    }
    node.operatorType = "TreeEnsembleRegressor"
    node.attributes =
      list.attributes + [
        .int("n_targets", try int("n_targets") ?? 1), .string("aggregate_function", aggregate),
        .string("post_transform", transform),
      ]
  }

  /// Moves the leaves from the lists of nodes to separate lists.
  fileprivate mutating func becomeTreeEnsemble() throws(OperatorError) {
    guard try elementType(0) == .float32 else {
      throw .input(0, "that version supports only float inputs, whose type its result has")
    }
    for name in ["base_values", "nodes_hitrates", "nodes_values", "target_weights"] {
      try floatsInPlaceOfTensor(name)
    }
    let targetCount = try int("n_targets") ?? 1
    let name = try string("aggregate_function") ?? "SUM"
    let transformName = try string("post_transform") ?? "NONE"
    guard let aggregate = TreeAggregate.names.firstIndex(of: name),
      let transform = TreeTransform.names.firstIndex(of: transformName)
    else { throw .attribute("aggregate_function", "is unknown") }
    let trees = try requiredInts("nodes_treeids")
    let numbers = try requiredInts("nodes_nodeids", count: trees.count)
    let features = try requiredInts("nodes_featureids", count: trees.count)
    let children = [
      try requiredInts("nodes_truenodeids", count: trees.count),
      try requiredInts("nodes_falsenodeids", count: trees.count),
    ]
    let missing = try ints("nodes_missing_value_tracks_true") ?? []
    let values = try treeNumbers("nodes_values")
    guard case .strings(let modes)? = try attribute("nodes_modes"), modes.count == trees.count,
      values.count == trees.count
    else { throw .attribute("nodes_modes", "the lists have different lengths") }

    // A leaf for each vote, and one for each leaf without votes.
    var votes: [[Int]: (target: Int, weight: Float)] = [:]
    let voteTrees = try requiredInts("target_treeids")
    let voteNodes = try requiredInts("target_nodeids", count: voteTrees.count)
    let voteTargets = try requiredInts("target_ids", count: voteTrees.count)
    let weights = try treeNumbers("target_weights")
    guard weights.count == voteTrees.count else {
      throw .attribute("target_weights", "expected \(voteTrees.count) values")
    }
    for index in voteTrees.indices {
      let key = [voteTrees[index], voteNodes[index]]
      guard votes.updateValue((voteTargets[index], weights[index]), forKey: key) == nil else {
        throw .attribute(
          "target_nodeids", "a leaf has several votes, but that version supports only one")
      }
    }
    var forest = SeparateLeafTrees()
    var places: [[Int]: (isLeaf: Bool, place: Int)] = [:]
    var inner: [Int] = []
    for index in trees.indices {
      let key = [trees[index], numbers[index]]
      guard modes[index].string == "LEAF" else {
        places[key] = (false, inner.count)
        inner.append(index)
        continue
      }
      guard let vote = votes[key] ?? (name == "SUM" || name == "AVERAGE" ? (0, 0) : nil) else {
        throw .attribute("target_nodeids", "a leaf has no vote, but that version needs one")
      }
      places[key] = (true, forest.addLeaf(target: vote.target, weight: vote.weight))
    }
    for index in inner {
      guard let yes = places[[trees[index], children[0][index]]],
        let no = places[[trees[index], children[1][index]]],
        let mode = TreeForest.Comparison(name: modes[index].string)
      else { throw .invalid("node \(numbers[index]) has an unknown child or mode") }
      forest.addNode(
        feature: features[index], mode: mode.rawValue, split: values[index],
        tracksTrue: missing[safe: index] == 1, yes, no)
    }
    var known: Set<Int> = []
    for index in trees.indices where known.insert(trees[index]).inserted {
      guard let root = places[[trees[index], numbers[index]]] else { continue }
      forest.addRoot(root)
    }
    let base = try treeNumbers("base_values")
    if base.contains(where: { $0 != 0 }) {
      guard name == "SUM" else {
        throw .attribute("base_values", "that version supports base values only for sums")
      }
      for (target, number) in base.enumerated() {
        forest.addRoot((true, forest.addLeaf(target: target, weight: number)))
      }
    }
    node.operatorType = "TreeEnsemble"
    node.attributes =
      forest.attributes + [
        .int("n_targets", targetCount), .int("aggregate_function", aggregate),
        .int("post_transform", transform),
      ]
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? {
    indices.contains(index) ? self[index] : nil
  }
}
