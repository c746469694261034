import ONNX
import Testing

/// Gradients of elementwise functions, reductions and softmax.
@Suite struct MathGradientTests {
  private func node(_ name: String, _ attributes: [Attribute] = []) -> Node {
    Node(name, inputs: [], outputs: ["y"], attributes: attributes)
  }

  @Test(arguments: [
    "Abs", "Asinh", "Atan", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid",
    "HardSwish", "LeakyRelu", "Mish", "Neg", "Reciprocal", "Relu", "Selu", "Shrink", "Sigmoid",
    "Sin",
    "Sinh", "Softplus", "Softsign", "Tan", "Tanh", "ThresholdedRelu",
  ]) func ofFunctionsOfAllNumbers(name: String) throws {
    let opset: Int64 = ["Celu", "Cosh"].contains(name) ? 28 : 22
    try checkGradient(node(name), [doubles([3, 4], from: -1.5, to: 1.5, seed: 3)], opset: opset)
    if !["Abs", "Reciprocal", "Tan"].contains(name) {
      try checkGradient(node(name), [doubles([8], from: -5, to: 5, seed: 4)], opset: opset)
    }
  }

  @Test func ofFunctionsOfSomeNumbers() throws {
    for name in ["Acos", "Asin", "Atanh"] {
      try checkGradient(node(name), [doubles([6], from: -0.9, to: 0.9)])
    }
    for name in ["Log", "Sqrt"] {
      try checkGradient(node(name), [doubles([6], from: 0.2, to: 4)])
    }
    try checkGradient(node("Acosh"), [doubles([6], from: 1.2, to: 4)])
  }

  @Test func ofFunctionsWithAttributes() throws {
    let x = doubles([9], from: -3, to: 3)
    try checkGradient(node("Gelu", [.string("approximate", "tanh")]), [x])
    try checkGradient(node("Elu", [.float("alpha", 2)]), [x])
    try checkGradient(node("Selu", [.float("alpha", 2), .float("gamma", 3)]), [x])
    try checkGradient(node("Celu", [.float("alpha", 2)]), [x], opset: 28)
    try checkGradient(node("HardSigmoid", [.float("alpha", 0.3), .float("beta", 0.4)]), [x])
    try checkGradient(node("LeakyRelu", [.float("alpha", 0.3)]), [x])
    try checkGradient(node("Swish", [.float("alpha", 1.7)]), [x], opset: 24)
    try checkGradient(node("ThresholdedRelu", [.float("alpha", 0.3)]), [x])
    try checkGradient(node("Shrink", [.float("bias", 0.3), .float("lambd", 1)]), [x])
    try checkGradient(node("LeakyRelu", [.float("alpha", 0.3)]), [x], opset: 6)
  }

  /// The float32 loops agree with the float64 loops, which finite differences verify.
  @Test(arguments: [
    "Relu", "Sigmoid", "Tanh", "Gelu", "Gelu tanh", "Softplus", "HardSwish", "LeakyRelu", "Swish",
    "Clip", "Softmax", "LogSoftmax",
  ]) func vectorLoopsAgree(name: String) throws {
    var attributes: [Attribute] = []
    if name == "Gelu tanh" { attributes = [.string("approximate", "tanh")] }
    if name == "Clip" { attributes = [.float("min", -1), .float("max", 2)] }
    let opset: Int64 = name == "Clip" ? 6 : 24
    let type = String(name.prefix { $0 != " " })
    let values = try doubles([7, 37], from: -20, to: 20).array(as: Double.self)
    for axis in name.hasSuffix("oftmax") ? [0, 1] : [-1] {
      let own = axis < 0 ? attributes : [.int("axis", axis)]
      let wide = try gradient(
        node(type, own), Tensor(shape: [7, 37], values.map { $0 / 4 }), opset: opset)
      let narrow = try gradient(
        node(type, own), Tensor(shape: [7, 37], values.map { Float($0 / 4) }), opset: opset)
      for (a, b) in zip(try wide.array(as: Double.self), try narrow.array(as: Float.self)) {
        #expect(abs(a - Double(b)) < 3e-6, "\(a) and \(b)")
      }
    }
  }

  /// The gradient of `Σ w · y` with weights of both signs.
  private func gradient(_ node: Node, _ x: Tensor, opset: Int64) throws -> Tensor {
    var node = node
    node.inputs = ["x"]
    let weights = (0..<x.count).map { Double($0 * 5 % 11) / 5 - 1 }
    let weight =
      x.elementType == .float64
      ? Tensor(shape: x.shape, weights) : Tensor(shape: x.shape, weights.map { Float($0) })
    let graph = Graph(
      nodes: [node, Node("Mul", inputs: ["y", "w"], outputs: ["z"])],
      inputs: [ValueInfo("x", .tensor(x.type))], outputs: [ValueInfo("z", nil)],
      initializers: [NamedTensor("w", weight)])
    let operatorSets = [OperatorSetImport(version: opset)]
    return try gradients(graph, x, operatorSets)
  }

  private func gradients(
    _ graph: Graph, _ x: Tensor, _ operatorSets: [OperatorSetImport]
  ) throws -> Tensor {
    var differentiation = try Differentiation(Model(graph: graph, operatorSets: operatorSets))
    let name = try #require(try differentiation.gradients(of: "z", by: ["x"])["x"])
    var full = differentiation.graph
    full.outputs = [ValueInfo(name, nil)]
    let session = try Session(Model(graph: full, operatorSets: operatorSets))
    return try #require(try session.run(["x": x])[name])
  }

  @Test(arguments: ["Sub", "Div"]) func ofBroadcastOperands(name: String) throws {
    let b = doubles([4, 1], from: 0.5, to: 2, seed: 2)
    try checkGradient(node(name), [doubles([2, 1, 3]), b])
    try checkGradient(node(name), [doubles([]), b])
    let old = node(name, [.int("broadcast", 1), .int("axis", 1)])
    try checkGradient(
      old, [doubles([2, 3, 2]), doubles([3], from: 0.5, to: 2, seed: 2)], opset: 6)
  }

  @Test func ofPowers() throws {
    let base = doubles([2, 3], from: 0.3, to: 2)
    try checkGradient(node("Pow"), [base, doubles([3], seed: 2)])
    try checkGradient(
      node("Pow"), [doubles([3], from: -2, to: 2), Tensor(shape: [], [3 as Int64])])
    for exponent in [-1, 0, 0.5, 1, 2, 2.5] {
      try checkGradient(node("Pow"), [base, Tensor(exponent)], by: [0])
    }
    try checkGradient(
      node("Pow", [.int("broadcast", 1), .int("axis", 0)]), [base, doubles([2], seed: 2)], opset: 6)
  }

  @Test(arguments: ["Sum", "Mean", "Max", "Min"]) func ofVariadic(name: String) throws {
    let many = [doubles([2, 3]), doubles([3], seed: 2), doubles([2, 1], seed: 3)]
    try checkGradient(node(name), many)
    try checkGradient(node(name), [many[0]])
    try checkGradient(node(name), [many[0], doubles([2, 3], seed: 4)], opset: 6)
  }

  @Test func sharesAnExtremeAmongEqualInputs() throws {
    let x = Tensor(shape: [3], [1, 2, 3] as [Double])
    let found = try gradient(
      Node("Max", inputs: [], outputs: ["y"]), x, opset: 20)
    #expect(try found.array(as: Double.self) == [-1, 0, 1])
    var model = Graph(
      nodes: [Node("Max", inputs: ["x", "c"], outputs: ["z"])],
      inputs: [ValueInfo("x", .tensor(x.type))], outputs: [ValueInfo("z", nil)])
    model.initializers = [NamedTensor("c", Tensor(shape: [3], [1, 3, 2] as [Double]))]
    let shared = try gradients(model, x, [OperatorSetImport(version: 20)])
    #expect(try shared.array(as: Double.self) == [0.5, 0, 1])
  }

  @Test func ofWhere() throws {
    let condition = Tensor(shape: [2, 1], [true, false])
    try checkGradient(node("Where"), [condition, doubles([2, 3]), doubles([3], seed: 2)])
  }

  @Test func ofClip() throws {
    let x = doubles([9], from: -2, to: 2)
    try checkGradient(node("Clip"), [x, Tensor(-0.7 as Double), Tensor(0.9 as Double)])
    try checkGradient(node("Clip"), [x, nil, Tensor(shape: [1], [0.9])])
    try checkGradient(node("Clip"), [x, Tensor(0.9 as Double), Tensor(-0.7 as Double)])
    try checkGradient(node("Clip", [.float("min", -0.5), .float("max", 0.75)]), [x], opset: 6)
  }

  @Test func ofPRelu() throws {
    let x = doubles([2, 3, 2], from: -2, to: 2)
    try checkGradient(node("PRelu"), [x, doubles([3, 1], seed: 2)])
    try checkGradient(node("PRelu"), [x, doubles([1], seed: 2)])
    try checkGradient(node("PRelu"), [x, doubles([3], seed: 2)], opset: 6)
    try checkGradient(node("PRelu"), [x, doubles([1], seed: 2)], opset: 6)
  }

  @Test(arguments: [
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare",
    "ReduceLogSum", "ReduceLogSumExp", "ReduceProd",
  ]) func ofReductions(name: String) throws {
    let x = doubles([2, 3, 4], from: name == "ReduceLogSum" ? 0.1 : -1, to: 1)
    let axes = Tensor(shape: [2], [0, -1] as [Int64])
    try checkGradient(node(name), [x])
    try checkGradient(node(name), [x, axes])
    try checkGradient(node(name, [.int("keepdims", 0)]), [x, Tensor(shape: [1], [1 as Int64])])
    try checkGradient(node(name, [.int("keepdims", 0), .ints("axes", [0, 2])]), [x], opset: 12)
    let noAxes = Tensor(shape: [0], [] as [Int64])
    try checkGradient(node(name, [.int("noop_with_empty_axes", 1)]), [x, noAxes])
  }

  @Test func ofReductionsAtTheirEdges() throws {
    let zeros = Tensor(shape: [3, 3], [2, 3, 4, 0, 5, 6, 0, 0, 7] as [Double])
    try checkGradient(
      node("ReduceProd"), [zeros, Tensor(shape: [1], [1 as Int64])])
    // Equal largest elements share the gradient.
    let x = Tensor(shape: [4], [1, 3, 3, 2] as [Double])
    let shared = try gradient(
      Node("ReduceMax", inputs: [], outputs: ["y"]), x, opset: 20)
    // The single result has four weights.
    let total = (0..<4).map { Double($0 * 5 % 11) / 5 - 1 }.reduce(0, +)
    for (a, b) in zip(try shared.array(as: Double.self), [0, total / 2, total / 2, 0]) {
      #expect(abs(a - b) < 1e-12)
    }
    let norm = try gradient(
      Node("ReduceL2", inputs: [], outputs: ["y"]), Tensor(shape: [2], [0, 0] as [Double]),
      opset: 20)
    #expect(try norm.array(as: Double.self) == [0, 0])
  }

  @Test(arguments: ["Softmax", "LogSoftmax"]) func ofSoftmax(name: String) throws {
    let x = doubles([2, 3, 4], from: -2, to: 2)
    for axis in [0, 1, -1] {
      try checkGradient(node(name, [.int("axis", axis)]), [x])
      try checkGradient(node(name, [.int("axis", axis)]), [x], opset: 12)
    }
    try checkGradient(node(name), [x], opset: 8)
  }

  @Test(arguments: ["Round", "Floor", "Ceil", "Sign", "Hardmax"])
  func isZeroForSteps(name: String) throws {
    let x = Tensor(shape: [1, 3], [0.3, 1.2, -2.3] as [Double])
    #expect(try checkGradient(node(name), [x]).isEmpty)
  }

  @Test func ofDeterminants() throws {
    try checkGradient(node("Det"), [doubles([2, 3, 3])])
    try checkGradient(node("Det"), [doubles([5, 5])])
    try checkGradient(node("Det"), [doubles([1, 1])])
    // Of rank 2, and of rank 1, whose cofactors are 0.
    let singular = Tensor(
      shape: [2, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 2, 4, 6, 3, 6, 9] as [Double])
    try checkGradient(node("Det"), [singular])
  }

  @Test func ofCasts() throws {
    let x = doubles([5])
    try checkGradient(node("Cast", [.int("to", 11)]), [x])
    try checkGradient(node("CastLike"), [x, doubles([1])])
    let graph = Graph(
      nodes: [
        Node("Cast", inputs: ["x"], outputs: ["y"], attributes: [.int("to", 11)]),
        Node("Mul", inputs: ["y", "y"], outputs: ["z"]),
      ],
      inputs: [ValueInfo("x", .tensor(.float32, [2]))], outputs: [ValueInfo("z", nil)])
    let found = try gradients(
      graph, Tensor(shape: [2], [3, -1] as [Float]), [OperatorSetImport(version: 20)])
    #expect(found == Tensor(shape: [2], [6, -2] as [Float]))
  }
}
