import ONNX
import OperatorLaws
import Testing

/// Expected numbers are those of onnxruntime; tools/compare/contrib_operators.py compares many more.
@Suite struct FusedOperatorTests {
  private let x = floats([5], [-2, -0.5, 0, 1, 3])

  @Test func quickGelu() throws {
    try expectContrib(
      contribNode("QuickGelu", inputs: 1), [x],
      [[-0.064341366, -0.14961158, 0, 0.84579575, 2.9819288]])
  }

  @Test func gelu() throws {
    try expectContrib(
      contribNode("Gelu", inputs: 1), [x],
      [[-0.045500278, -0.15426877, 0, 0.84134471, 2.9959502]])
  }

  @Test func fastGeluAddsItsBias() throws {
    try expectContrib(
      contribNode("FastGelu", inputs: 2),
      [floats([2, 3], [-2, -0.5, 0, 1, 3, 0.25]), floats([3], [0.5, 0, -1])],
      [[-0.10042843, -0.154286, -0.15880796, 1.3995715, 2.9963627, -0.17003945]])
  }

  @Test func fusedMatMul() throws {
    let node = contribNode(
      "FusedMatMul", inputs: 2, [.int("transA", 1), .int("transB", 1), .float("alpha", 0.5)])
    try expectContrib(
      node, [floats([3, 2], [1, 2, 3, 4, 5, 6]), floats([2, 3], [1, 0, -1, 2, 1, 1])],
      [[-2, 5, -2, 7]])
  }

  /// The flags mean the product of transposed factors, for constant and variable weights.
  @Test(arguments: [false, true], [[0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1]])
  func fusedMatMulTransposesBatches(isConstant: Bool, flags: [Int]) throws {
    let names = ["transA", "transB", "transBatchA", "transBatchB"]
    let a = floats([4, 4, 4], (0..<64).map { Float($0 % 7) - 3 })
    let b = floats([4, 4, 4], (0..<64).map { Float($0 % 5) - 2 })
    func moved(_ x: Tensor, _ moves: Int, _ swaps: Int) throws -> Tensor {
      var axes = moves == 1 ? [1, 0, 2] : [0, 1, 2]
      if swaps == 1 { axes.swapAt(1, 2) }
      let node = Node(
        "Transpose", inputs: ["x"], outputs: ["y"], attributes: [.ints("perm", axes)])
      return try #require(try checkOperator(node, [x])[0])
    }
    let product = Node("MatMul", inputs: ["a", "b"], outputs: ["y"])
    let expected = try checkOperator(
      product, [try moved(a, flags[2], flags[0]), try moved(b, flags[3], flags[1])])
    let node = contribNode("FusedMatMul", inputs: 2, zip(names, flags).map { .int($0, $1) })
    let type = ValueType.tensor(.float32, [4, 4, 4])
    let graph = Graph(
      nodes: [node],
      inputs: isConstant
        ? [ValueInfo("x0", type)] : [ValueInfo("x0", type), ValueInfo("x1", type)],
      outputs: [ValueInfo("y0", type)],
      initializers: isConstant ? [NamedTensor("x1", b)] : [])
    let session = try Session(contribModel(graph))
    let y = try session.run(isConstant ? ["x0": a] : ["x0": a, "x1": b])["y0"]
    #expect(y == expected[0])
  }

  @Test func fusedMatMulRefusesFactorsThatDoNotFit() throws {
    let node = contribNode("FusedMatMul", inputs: 2, [.int("transB", 1)])
    #expect(throws: OperatorError.self) {
      try checkOperator(
        node, [floats([2, 3], Array(repeating: 1, count: 6)), floats([3, 1], [1, 2, 3])], opset: 1)
    }
  }

  @Test func fusedGemm() throws {
    let node = contribNode(
      "FusedGemm", inputs: 3,
      [
        .int("transB", 1), .string("activation", "LeakyRelu"), .float("activation_alpha", 0.1),
      ])
    try expectContrib(
      node,
      [floats([2, 2], [1, 2, 3, 4]), floats([2, 2], [1, -1, 0, -2]), floats([2], [0.5, 0])],
      [[-0.05, -0.4, -0.05, -0.8]])
  }

  private let convolution = [
    floats([1, 1, 3, 3], (0..<9).map(Float.init)), floats([1, 1, 2, 2], [1, -1, 0, -1]),
    floats([1], [0.5]), floats([1, 1, 2, 2], [3, 0, -3, 9]),
  ]

  @Test func fusedConvAddsAndClips() throws {
    let node = contribNode(
      "FusedConv", inputs: 4,
      [.string("activation", "Clip"), .floats("activation_params", [-3, 2])])
    try expectContrib(node, convolution, [[-1.5, -3, -3, 0.5]])
  }

  @Test func fusedConvBecomesOneNode() throws {
    let node = contribNode("FusedConv", inputs: 4, [.string("activation", "Relu")])
    let graph = Graph(
      nodes: [node],
      inputs: [0, 3].map { ValueInfo("x\($0)", .tensor(convolution[$0].type)) },
      outputs: [ValueInfo("y0", .tensor(.float32, [1, 1, 2, 2]))],
      initializers: [1, 2].map { NamedTensor("x\($0)", convolution[$0]) })
    let session = try Session(contribModel(graph))
    let y = try session.run(["x0": convolution[0], "x3": convolution[3]])["y0"]
    #expect(try #require(y).array(as: Float.self) == [0, 0, 0, 0.5])
    #expect(try session.describePlan().steps.map(\.operatorType) == ["FusedConv"])
  }

  @Test func fusedConvRefusesUnknownActivations() throws {
    let node = contribNode("FusedConv", inputs: 4, [.string("activation", "Sin")])
    #expect(throws: OperatorError.self) { try checkOperator(node, convolution, opset: 1) }
  }

  @Test func nhwcMaxPool() throws {
    let x = Tensor(shape: [1, 2, 2, 2], [1, -2, 3, 4, -5, 6, 7, 8] as [Int8])
    let node = contribNode("NhwcMaxPool", inputs: 1, [.ints("kernel_shape", [2, 2])])
    let y = try checkOperator(node, [x], opset: 1)[0]
    #expect(y == Tensor(shape: [1, 1, 1, 2], [7, 8] as [Int8]))
  }

  @Test func biasSoftmaxTakesTheAxesFromItsAxisOnAsOne() throws {
    let node = contribNode(
      "BiasSoftmax", inputs: 2, [.int("axis", 1), .int("is_inner_broadcast", 0)])
    try expectContrib(
      node, [floats([1, 2, 2], [0, 1, 2, 3]), floats([1, 2, 2], [3, 2, 1, 0])],
      [[0.25, 0.25, 0.25, 0.25]])
  }
}

/// A model of the graph that imports `com.microsoft`.
func contribModel(_ graph: Graph, domain: String = "com.microsoft") -> Model {
  Model(
    graph: graph,
    operatorSets: [OperatorSetImport(version: 17), OperatorSetImport(domain: domain, version: 1)])
}
