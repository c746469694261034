import ONNX
import ONNXConversion
import Testing
import ToolSupport

/// A model with one float32 input `x` and one output `y`.
func model(
  _ operatorSet: Int, _ shape: [Int], _ nodes: [Node], constants: [NamedTensor] = [],
  output: Shape? = nil
) -> Model {
  let graph = Graph(
    name: "test", nodes: nodes,
    inputs: [ValueInfo("x", .tensor(.float32, Shape(shape)))],
    outputs: [ValueInfo("y", .tensor(.float32, output))], initializers: constants)
  return Model(
    graph: graph, operatorSets: [OperatorSetImport(version: Int64(operatorSet))], irVersion: 8)
}

/// The output of a model for an input `x`.
func run(_ model: Model, _ x: Tensor) throws -> [Float] {
  let outputs = try Session(model).run(["x": x])
  return try #require(outputs["y"]).array(as: Float.self)
}

/// Numbers from −1 to 1.
func noise(_ shape: [Int], seed: UInt64 = 0) -> Tensor {
  var noise = RandomStream(seed: seed)
  let count = shape.reduce(1, *)
  return Tensor(
    shape: shape, (0..<count).map { _ in Float(Int(noise.next() >> 44)) * 0x1p-19 - 1 })
}

extension Model {
  var operatorNames: [String] { graph.nodes.map(\.operatorType) }

  /// The version of `ai.onnx` that the model imports.
  var standardVersion: Int64? { operatorSets.first { ($0.domain ?? "").isEmpty }?.version }
}

/// `y = relu(x · w) + b`
var dense: Model {
  model(
    13, [2, 3],
    [
      Node("MatMul", name: "product", inputs: ["x", "w"], outputs: ["p"]),
      Node("Relu", name: "relu", inputs: ["p"], outputs: ["r"]),
      Node("Add", name: "sum", inputs: ["r", "b"], outputs: ["y"]),
    ],
    constants: [
      NamedTensor("w", noise([3, 4], seed: 1)), NamedTensor("b", noise([4], seed: 2)),
    ], output: [2, 4])
}
