import ONNX
import Testing

/// Properties of all gradients, tested on the simplest operators of each family.
@Suite struct GradientTests {
  @Test(arguments: ["Relu", "Tanh", "Sigmoid"]) func ofElementwise(name: String) throws {
    try checkGradient(Node(name, inputs: [], outputs: ["y"]), [doubles([2, 3])])
  }

  @Test(arguments: ["Add", "Mul"]) func ofBroadcastOperands(name: String) throws {
    let node = Node(name, inputs: [], outputs: ["y"])
    try checkGradient(node, [doubles([2, 3]), doubles([2, 3], seed: 2)])
    try checkGradient(node, [doubles([2, 1, 3]), doubles([4, 1], seed: 2)])
    try checkGradient(node, [doubles([]), doubles([2, 2], seed: 2)])
    let old = Node(
      name, inputs: [], outputs: ["y"], attributes: [.int("broadcast", 1), .int("axis", 1)])
    try checkGradient(old, [doubles([2, 3, 2]), doubles([3], seed: 2)], opset: 6)
  }

  @Test func addsWhatEveryUseOfAValueContributes() throws {
    // y = x · x, dy/dx = 2 x
    let model = Model(
      graph: Graph(
        nodes: [Node("Mul", inputs: ["x", "x"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float32, [3]))], outputs: [ValueInfo("y", nil)]),
      operatorSets: [OperatorSetImport(version: 20)])
    var differentiation = try Differentiation(model)
    let names = try differentiation.gradients(of: "y", by: ["x"])
    let name = try #require(names["x"])
    var graph = differentiation.graph
    graph.outputs = [ValueInfo(name, nil)]
    let session = try Session(Model(graph: graph, operatorSets: model.operatorSets))
    let result = try session.run(["x": Tensor(shape: [3], [1, -2, 3] as [Float])])
    #expect(result[name] == Tensor(shape: [3], [2, -4, 6] as [Float]))
  }

  @Test func namesTheNodeThatHasNoGradient() throws {
    let model = Model(
      graph: Graph(
        nodes: [Node("Unique", name: "values", inputs: ["x"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float32, [3, 3]))], outputs: [ValueInfo("y", nil)]),
      operatorSets: [OperatorSetImport(version: 20)])
    var differentiation = try Differentiation(model)
    let error = ModelError.node(
      name: "values", operatorType: "Unique", .unsupported("the operator has no gradient"))
    #expect(throws: error) { try differentiation.gradients(of: "y", by: ["x"]) }
  }
}
