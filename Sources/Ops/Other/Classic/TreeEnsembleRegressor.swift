import ONNXFormat
import ONNXOperators
import ONNXShape

/// Votes of decision trees, aggregated for each target: `[N, F]` → `[N, targets]`.
struct TreeEnsembleRegressor: Operator {
  static let schema = Schema(
    "TreeEnsembleRegressor", domain: "ai.onnx.ml",
    [
      1: [.float32, .float64, .int64, .int32], 3: [.float32, .float64, .int64, .int32],
      5: [.float32, .float64, .int64, .int32],
    ], inputs: 1...1)
  let forest: TreeForest
  let targets: Int
  let aggregate: TreeAggregate
  let transform: TreeTransform
  let base: [Double]

  init(_ node: inout NodeReader) throws(OperatorError) {
    targets = try node.targetCount()
    forest = try TreeForest(&node, votes: "target", targets: targets)
    let name = try node.choice("aggregate_function", default: "SUM", among: TreeAggregate.names)
    aggregate = TreeAggregate.names.firstIndex(of: name).flatMap(TreeAggregate.init) ?? .sum
    transform = try TreeTransform(&node)
    base = try node.numbers("base_values")
    guard base.isEmpty || base.count == targets else {
      throw .attribute("base_values", "expected \(targets), got \(base.count)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let rows = try inputs.shape(0, rank: 2)?[0] ?? .unknown
    return [.tensor(.float32, [rows, .size(targets)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try forest.kernel(call, targets: targets, aggregate) { buffers, row, scores in
      for i in base.indices { scores[i] += base[i] }
      transform.apply(&scores)
      let y = buffers.output(0, as: Float.self) + row * targets
      for i in 0..<targets { y[i] = Float(scores[i]) }
    }
  }
}

extension NodeReader {
  /// Reads `n_targets`, which is limited because each row has a number for each target.
  mutating func targetCount() throws(OperatorError) -> Int {
    let count = try int("n_targets")
    guard count >= 1, count <= 1 << 24 else {
      throw .attribute("n_targets", "expected 1 to \(1 << 24), got \(count)")
    }
    return count
  }
}

extension TreeEnsembleRegressor {
  static var versionSteps: [VersionStep] {
    [
      .treeTensors(["base_values", "nodes_hitrates", "nodes_values", "target_weights"]),
      .treesWithoutLeafNodes,
    ]
  }
}
