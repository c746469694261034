import ONNXFormat
import ONNXOperators
import ONNXShape

/// The lists of `TreeEnsembleRegressor`.
struct LeafNodeTrees {
  private var integers: [String: [Int]] = [:]
  private var modes: [ByteString] = []
  private var values: [Float] = []
  private var weights: [Float] = []

  private mutating func add(_ row: KeyValuePairs<String, Int>) {
    for (name, value) in row { integers[name, default: []].append(value) }
  }

  mutating func addNode(
    _ tree: Int, _ number: Int, feature: Int, mode: String, value: Float, tracksTrue: Bool,
    children: Int
  ) {
    add([
      "nodes_treeids": tree, "nodes_nodeids": number, "nodes_featureids": feature,
      "nodes_truenodeids": children, "nodes_falsenodeids": children + 1,
      "nodes_missing_value_tracks_true": tracksTrue ? 1 : 0,
    ])
    modes.append(ByteString(mode))
    values.append(value)
  }

  mutating func addLeaf(_ tree: Int, _ number: Int, target: Int, weight: Float) {
    addNode(
      tree, number, feature: 0, mode: "LEAF", value: 0, tracksTrue: false, children: 0)
    add(["target_treeids": tree, "target_nodeids": number, "target_ids": target])
    weights.append(weight)
  }

  var attributes: [Attribute] {
    integers.sorted { $0.key < $1.key }.map { .ints($0.key, $0.value) } + [
      Attribute("nodes_modes", .strings(modes)), .floats("nodes_values", values),
      .floats("target_weights", weights),
    ]
  }
}

/// The lists of `TreeEnsemble`.
struct SeparateLeafTrees {
  private var integers: [String: [Int]] = ["nodes_featureids": []]
  private var modes: [UInt8] = []
  private var splits: [Float] = []
  private var weights: [Float] = []
  private var roots: [Int] = []

  typealias Place = (isLeaf: Bool, place: Int)

  mutating func addNode(
    feature: Int, mode: UInt8, split: Float, tracksTrue: Bool, _ yes: Place, _ no: Place
  ) {
    for (name, value) in [
      ("nodes_featureids", feature), ("nodes_truenodeids", yes.place),
      ("nodes_falsenodeids", no.place), ("nodes_trueleafs", yes.isLeaf ? 1 : 0),
      ("nodes_falseleafs", no.isLeaf ? 1 : 0),
      ("nodes_missing_value_tracks_true", tracksTrue ? 1 : 0),
    ] {
      integers[name, default: []].append(value)
    }
    modes.append(mode)
    splits.append(split)
  }

  /// - Returns: the index of the leaf
  mutating func addLeaf(target: Int, weight: Float) -> Int {
    integers["leaf_targetids", default: []].append(target)
    weights.append(weight)
    return weights.count - 1
  }

  /// Adds a tree. A tree of a single leaf gets a node with two branches to the leaf.
  mutating func addRoot(_ place: Place) {
    if place.isLeaf {
      addNode(feature: 0, mode: 0, split: 0, tracksTrue: false, place, place)
      roots.append(modes.count - 1)
    } else {
      roots.append(place.place)
    }
  }

  var attributes: [Attribute] {
    integers.sorted { $0.key < $1.key }.map { .ints($0.key, $0.value) } + [
      .ints("tree_roots", roots), .tensor("nodes_modes", Tensor(shape: [modes.count], modes)),
      .tensor("nodes_splits", Tensor(shape: [splits.count], splits)),
      .tensor("leaf_weights", Tensor(shape: [weights.count], weights)),
    ]
  }
}
