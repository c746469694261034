import ONNX
import OperatorLaws
import Testing

@Suite struct BiasGeluTests {
  @Test func addsTheBiasBeforeTheActivation() throws {
    let node = Node("BiasGelu", domain: "com.microsoft", inputs: ["a", "b"], outputs: ["y"])
    let a = Tensor(shape: [2, 2], [-1, 0, 1, 2] as [Float])
    let b = Tensor(shape: [2], [0.5, -0.5] as [Float])
    let y = try #require(try checkOperator(node, [a, b], opset: 1)[0])
    let expected: [Float] = [-0.15426877, -0.15426877, 1.3997892, 1.3997892]
    for (y, expected) in zip(y.elements(as: Float.self), expected) {
      #expect(abs(y - expected) < 1e-6)
    }
  }

  @Test func sessionsReplaceItByItsBody() throws {
    let node = Node("BiasGelu", domain: "com.microsoft", inputs: ["a", "b"], outputs: ["y"])
    let type = ValueType.tensor(.float32, [2])
    let graph = Graph(
      name: "g", nodes: [node],
      inputs: [ValueInfo("a", type), ValueInfo("b", type)], outputs: [ValueInfo("y", type)])
    let model = Model(
      graph: graph,
      operatorSets: [
        OperatorSetImport(version: 17), OperatorSetImport(domain: "com.microsoft", version: 1),
      ])
    let session = try Session(model)
    let y = try session.run([
      "a": Tensor(shape: [2], [1, 2] as [Float]), "b": Tensor(shape: [2], [0, 1] as [Float]),
    ])["y"]
    let elements = try #require(y).elements(as: Float.self)
    #expect(abs(elements[0] - 0.8413447) < 1e-6)
    #expect(abs(elements[1] - 2.9959502) < 1e-6)
  }
}
