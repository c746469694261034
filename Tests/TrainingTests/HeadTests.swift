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

  @Test func transposedWeightsAndShapesBehindTheHeadChangeToo() throws {
    let constant = Node(
      "Constant", inputs: [], outputs: ["s"],
      attributes: [.tensor("value", Tensor(shape: [2], [-1, 3] as [Int64]))])
    let model = Model(
      graph: Graph(
        nodes: [
          Node(
            "Transpose", inputs: ["w"], outputs: ["t"], attributes: [.ints("perm", [1, 0])]),
          Node("MatMul", inputs: ["x", "t"], outputs: ["m"]),
          // The bias stands first.
          Node("Add", inputs: ["b", "m"], outputs: ["a"]), constant,
          Node("Reshape", inputs: ["a", "s"], outputs: ["y"]),
        ],
        inputs: [ValueInfo("x", .tensor(.float32, ["N", 4]))],
        outputs: [ValueInfo("y", .tensor(.float32, ["N", 3]))],
        initializers: [
          NamedTensor("w", Tensor(shape: [3, 4], [Float](repeating: 1, count: 12))),
          NamedTensor("b", Tensor(shape: [3], [0, 0, 0] as [Float])),
        ]),
      operatorSets: [OperatorSetImport(version: 17)])
    let (replaced, head) = try model.replacingHeadParameters(classes: 5, seed: 1)
    #expect(head == ["w", "b"])
    #expect(replaced.graph.initializers.first { $0.name == "w" }?.tensor.shape == [5, 4])
    let x = Tensor(shape: [2, 4], (0..<8).map { Float($0) })
    #expect(try Session(replaced).run(["x": x])["y"]?.shape == [2, 5])
  }

  @Test func onlyTheChosenParametersAreTrained() throws {
    var options = TrainingOptions()
    let all = try Trainer(TrainerTests.network(), options).parameters
    let head = all.filter { $0.hasPrefix("6.") }
    #expect(!head.isEmpty && head.count < all.count, "\(all)")
    options.trained = ["6.*"]
    let trainer = try Trainer(TrainerTests.network(), options)
    #expect(trainer.parameters == head)
    // The batch normalization keeps its running statistics, since its scale and bias are frozen.
    let before = try trainer.model.graph.initializers
    _ = try TrainerTests.train(trainer, TrainerTests.pictures())
    for (old, new) in zip(before, try trainer.model.graph.initializers) {
      #expect((old.tensor == new.tensor) == !head.contains(new.name ?? ""), "\(new.name ?? "")")
    }
    options.trained = ["nothing*"]
    #expect(throws: TrainingError.self) { try Trainer(TrainerTests.network(), options) }
  }

  @Test func aFrozenNormalizationTrainsNothing() throws {
    var options = TrainingOptions()
    let norm = try Trainer(TrainerTests.network(), options).parameters.filter {
      $0.hasPrefix("1.")
    }
    #expect(norm.count == 2)
    options.frozen = norm
    let trainer = try Trainer(TrainerTests.network(), options)
    let before = try trainer.model.graph.initializers.filter { ($0.name ?? "").hasPrefix("1.") }
    _ = try TrainerTests.train(trainer, TrainerTests.pictures())
    let after = try trainer.model.graph.initializers.filter { ($0.name ?? "").hasPrefix("1.") }
    #expect(before.count == 4 && before.map(\.tensor) == after.map(\.tensor))
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
