import ONNX
import Testing

@testable import ONNXTraining

@Suite struct HeadTests {
  @Test(arguments: ["Gemm", "MatMul", "Conv"]) func aNewLastLayerHasItsClasses(
    kind: String
  ) throws {
    let isPicture = kind == "Conv"
    let weights =
      switch kind {
      case "Conv": Tensor(shape: [3, 1, 1, 1], [Float](repeating: 1, count: 3))
      case "Gemm": Tensor(shape: [3, 4], [Float](repeating: 1, count: 12))
      default: Tensor(shape: [4, 3], [Float](repeating: 1, count: 12))
      }
    let attributes: [Attribute] = kind == "Gemm" ? [.int("transB", 1)] : []
    var nodes = [
      Node(kind, inputs: ["x", "w"], outputs: ["a"], attributes: attributes)
    ]
    if isPicture {
      nodes.append(Node("GlobalAveragePool", inputs: ["a"], outputs: ["b"]))
    } else {
      nodes.append(Node("Add", inputs: ["a", "bias"], outputs: ["b"]))
    }
    nodes.append(Node("Softmax", inputs: ["b"], outputs: ["y"], attributes: [.int("axis", 1)]))
    let shape: Shape = isPicture ? [2, 1, 2, 2] : [2, 4]
    // Files of IR version 3 and older declare initializers among the inputs.
    let model = Model(
      graph: Graph(
        nodes: nodes,
        inputs: [ValueInfo("x", .tensor(.float32, shape)), ValueInfo("w", .tensor(weights.type))],
        outputs: [ValueInfo("y", .tensor(.float32, isPicture ? [2, 3, 1, 1] : [2, 3]))],
        initializers: [NamedTensor("w", weights)]
          + (isPicture
            ? [] : [NamedTensor("bias", Tensor(shape: [3], [Float](repeating: 0, count: 3)))])),
      operatorSets: [OperatorSetImport(version: 20)])
    let replaced = try model.replacingHead(classes: 5, seed: 1)
    let x = Tensor(
      shape: shape.sizes ?? [], (0..<8).map { Float($0) })
    let y = try #require(Session(replaced).run(["x": x])["y"])
    #expect(y.shape == (isPicture ? [2, 5, 1, 1] : [2, 5]))
    let trainer = try Trainer(replaced, TrainingOptions())
    let batch = Batch(["x": x, Loss.labels: Tensor(shape: [2], [4, 0] as [Int64])], count: 2)
    let before = try trainer.train(on: batch, rate: 0.1).loss
    for _ in 0..<20 { _ = try trainer.train(on: batch, rate: 0.1) }
    #expect(try trainer.train(on: batch, rate: 0.1).loss < before)
  }

  @Test func aModelWithoutSuchALayerIsAnError() throws {
    let model = Model(
      graph: Graph(
        nodes: [Node("Relu", inputs: ["x"], outputs: ["y"])],
        inputs: [ValueInfo("x", .tensor(.float32, [2, 4]))], outputs: [ValueInfo("y", nil)]),
      operatorSets: [OperatorSetImport(version: 20)])
    #expect(throws: TrainingError.self) { try model.replacingHead(classes: 5, seed: 1) }
  }

  @Test func patternsMatchWholeNames() {
    #expect(matches("conv1.weight", pattern: "conv*"))
    #expect(matches("conv1.weight", pattern: "*.weight"))
    #expect(matches("conv1.weight", pattern: "conv?.w*t"))
    #expect(!matches("conv1.weight", pattern: "conv"))
    #expect(!matches("aab", pattern: "a*c"))
    #expect(matches("", pattern: "*"))
  }
}
