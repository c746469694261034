import ONNXFormat
import ONNXOperators
import ONNXShape

/// The votes of decision trees, aggregated for each target: `[N, F]` → `[N, targets]`. Inner nodes and
/// leaves are separate lists.
struct TreeEnsemble: Operator {
  static let schema = Schema(
    "TreeEnsemble", domain: "ai.onnx.ml", [5: .floats], inputs: 1...1)
  let forest: TreeForest
  let targets: Int
  let aggregate: TreeAggregate
  let transform: TreeTransform

  init(_ node: inout NodeReader) throws(OperatorError) {
    targets = try node.targetCount()
    aggregate = try node.numbered("aggregate_function", default: TreeAggregate.sum)
    transform = try node.numbered("post_transform", default: TreeTransform.none)
    let nodes = try Self.nodes(&node)
    let ids = try node.ints("leaf_targetids")
    guard let weights = try node.optionalTensor("leaf_weights")?.doubles,
      weights.count == ids.count
    else { throw .attribute("leaf_weights", "expected \(ids.count) floats") }
    let leaves = zip(ids, weights).map { [TreeForest.Vote(target: $0, weight: $1)] }
    var roots: [Int] = []
    for root in try node.ints("tree_roots") {
      guard nodes.indices.contains(root) else {
        throw .attribute("tree_roots", "there is no node \(root)")
      }
      roots.append(root)
    }
    forest = try TreeForest(nodes: nodes, leaves: leaves, roots: roots, targets: targets)
  }

  private static func nodes(
    _ node: inout NodeReader
  ) throws(OperatorError) -> [TreeForest.Node] {
    let features = try node.ints("nodes_featureids")
    let count = features.count
    func list(_ name: String) throws(OperatorError) -> [Int] {
      let list = try node.ints(name)
      guard list.count == count else {
        throw .attribute(name, "expected \(count) values, got \(list.count)")
      }
      return list
    }
    let trueIDs = try list("nodes_truenodeids")
    let falseIDs = try list("nodes_falsenodeids")
    let trueLeaves = try list("nodes_trueleafs")
    let falseLeaves = try list("nodes_falseleafs")
    let missing =
      node.has("nodes_missing_value_tracks_true")
      ? try list("nodes_missing_value_tracks_true") : []
    _ = try node.optionalTensor("nodes_hitrates")
    guard let modes = try node.optionalTensor("nodes_modes"), modes.elementType == .uint8,
      modes.count == count
    else { throw .attribute("nodes_modes", "expected \(count) of type uint8") }
    guard let splits = try node.optionalTensor("nodes_splits")?.doubles, splits.count == count
    else { throw .attribute("nodes_splits", "expected \(count) floats") }
    var members = try node.optionalTensor("membership_values")?.doubles ?? []
    members.reverse()

    var nodes: [TreeForest.Node] = []
    for (index, mode) in modes.elements(as: UInt8.self).enumerated() {
      guard let comparison = TreeForest.Comparison(rawValue: mode) else {
        throw .attribute("nodes_modes", "unknown mode \(mode)")
      }
      guard trueIDs[index] >= 0, falseIDs[index] >= 0 else {
        throw .invalid("node \(index) has a negative child")
      }
      var node = TreeForest.Node(
        feature: features[index], comparison: comparison, threshold: splits[index],
        // A NaN differs from every number.
        missingIsTrue: comparison == .notEqual || (!missing.isEmpty && missing[index] == 1),
        ifTrue: trueLeaves[index] == 1 ? ~trueIDs[index] : trueIDs[index],
        ifFalse: falseLeaves[index] == 1 ? ~falseIDs[index] : falseIDs[index])
      if comparison == .member {
        // Sets are concatenated, each terminated by NaN.
        while let member = members.last, !member.isNaN {
          node.members.insert(member)
          members.removeLast()
        }
        guard members.popLast() != nil else {
          throw .attribute("membership_values", "there is no set for node \(index)")
        }
      }
      nodes.append(node)
    }
    return nodes
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let rows = try inputs.shape(0, rank: 2)?[0] ?? .unknown
    return [.tensor(data.elementType, [rows, .size(targets)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: return try kernel(call) { Float($0) }
    case .float64: return try kernel(call) { $0 }
    default: return try kernel(call) { Float16($0) }
    }
  }

  private func kernel<T>(
    _ call: Preparation, _ convert: @escaping @Sendable (Double) -> T
  ) throws(OperatorError) -> Kernel {
    try forest.kernel(call, targets: targets, aggregate) { buffers, row, scores in
      transform.apply(&scores)
      let y = buffers.output(0, as: T.self) + row * targets
      for i in 0..<targets { y[i] = convert(scores[i]) }
    }
  }
}

extension NodeReader {
  /// An attribute that is the raw value of a case.
  fileprivate mutating func numbered<T: RawRepresentable<Int>>(
    _ name: String, default value: T
  ) throws(OperatorError) -> T {
    guard let number = try optionalInt(name) else { return value }
    guard let result = T(rawValue: number) else {
      throw .attribute(name, "\(number) is not supported")
    }
    return result
  }
}
