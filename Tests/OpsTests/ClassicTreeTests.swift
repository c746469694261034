import ONNX
import OperatorLaws
import Testing

/// Values from the standard's reference evaluator. A missing feature differs from every threshold
/// in `TreeEnsemble`, which the older operators leave to `nodes_missing_value_tracks_true`.
@Suite struct ClassicTreeTests {
  let rows = Tensor(shape: [3, 1], [1, 3, .nan] as [Float])

  private func run(
    _ type: String, opset: Int, _ attributes: [Attribute]
  ) throws -> [Tensor?] {
    try checkOperator(
      Node(type, domain: "ai.onnx.ml", inputs: ["x"], outputs: ["y"], attributes: attributes),
      [rows], opset: opset)
  }

  @Test(arguments: [0, 1])
  func aMissingFeatureDiffersFromTheSplit(tracksTrue: Int) throws {
    let y = try run(
      "TreeEnsemble", opset: 5,
      [
        .int("n_targets", 1), .ints("tree_roots", [0]), .ints("nodes_featureids", [0]),
        .tensor("nodes_splits", Tensor(shape: [1], [3] as [Float])),
        .tensor("nodes_modes", Tensor(shape: [1], [5] as [UInt8])),
        .ints("nodes_truenodeids", [0]), .ints("nodes_trueleafs", [1]),
        .ints("nodes_falsenodeids", [1]), .ints("nodes_falseleafs", [1]),
        .ints("leaf_targetids", [0, 0]),
        .tensor("leaf_weights", Tensor(shape: [2], [10, 20] as [Float])),
        .ints("nodes_missing_value_tracks_true", [tracksTrue]),
      ])
    #expect(y == [Tensor(shape: [3, 1], [10, 20, 10] as [Float])])
  }

  @Test(arguments: [(0, 20), (1, 10)] as [(Int, Float)])
  func aMissingFeatureGoesWhereTheOlderOperatorSays(tracksTrue: Int, missing: Float) throws {
    let y = try run(
      "TreeEnsembleRegressor", opset: 3,
      [
        .int("n_targets", 1), .ints("nodes_treeids", [0, 0, 0]),
        .ints("nodes_nodeids", [0, 1, 2]), .ints("nodes_featureids", [0, 0, 0]),
        .floats("nodes_values", [3, 0, 0]),
        .strings("nodes_modes", ["BRANCH_NEQ", "LEAF", "LEAF"]),
        .ints("nodes_truenodeids", [1, 0, 0]), .ints("nodes_falsenodeids", [2, 0, 0]),
        .ints("nodes_missing_value_tracks_true", [tracksTrue, 0, 0]),
        .ints("target_treeids", [0, 0]), .ints("target_nodeids", [1, 2]),
        .ints("target_ids", [0, 0]), .floats("target_weights", [10, 20]),
      ])
    #expect(y == [Tensor(shape: [3, 1], [10, 20, missing] as [Float])])
  }
}
