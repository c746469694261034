import ONNX
import Testing

/// Gradients of operators that move elements.
@Suite struct ShapeGradientTests {
  private func node(_ name: String, _ attributes: [Attribute] = [], outputs: [String] = ["y"])
    -> Node
  {
    Node(name, inputs: [], outputs: outputs, attributes: attributes)
  }

  private func integers(_ values: [Int64]) -> Tensor { Tensor(shape: [values.count], values) }

  @Test func ofViews() throws {
    let x = doubles([2, 1, 3])
    try checkGradient(node("Identity"), [x])
    try checkGradient(node("Reshape"), [x, integers([0, -1])])
    try checkGradient(node("Reshape", [.ints("shape", [3, 2])]), [x], opset: 1)
    try checkGradient(node("Flatten", [.int("axis", 2)]), [x])
    try checkGradient(node("Squeeze"), [x])
    try checkGradient(node("Squeeze"), [x, integers([-2])])
    try checkGradient(node("Squeeze", [.ints("axes", [1])]), [x], opset: 11)
    try checkGradient(node("Unsqueeze"), [x, integers([0, -1])])
    try checkGradient(node("Unsqueeze", [.ints("axes", [0])]), [x], opset: 11)
  }

  @Test func ofTransposition() throws {
    let x = doubles([2, 3, 4])
    try checkGradient(node("Transpose"), [x])
    try checkGradient(node("Transpose", [.ints("perm", [1, 2, 0])]), [x])
  }

  @Test func ofConcatenation() throws {
    let parts = [doubles([2, 1]), doubles([2, 3], seed: 2), doubles([2, 2], seed: 3)]
    try checkGradient(node("Concat", [.int("axis", -1)]), parts)
    try checkGradient(node("Concat", [.int("axis", 1)]), parts, by: [0, 2])
    try checkGradient(node("Concat", [.int("axis", 0)]), [parts[0]])
    try checkGradient(node("Concat"), parts, opset: 1)
  }

  @Test func ofPieces() throws {
    let x = doubles([2, 5])
    let outputs = ["a", "b", "c"]
    let lengths = integers([2, 1, 2])
    let axis = Attribute.int("axis", 1)
    try checkGradient(node("Split", [axis], outputs: outputs), [x, lengths])
    try checkGradient(node("Split", [axis], outputs: outputs), [x, lengths], outputs: [1])
    try checkGradient(node("Split", [axis], outputs: ["a", "", "c"]), [x, lengths])
    try checkGradient(node("Split", [axis, .int("num_outputs", 3)], outputs: outputs), [x])
    try checkGradient(
      node("Split", [axis, .ints("split", [2, 1, 2])], outputs: outputs), [x], opset: 11)
  }

  @Test func ofSlices() throws {
    let x = doubles([4, 5])
    try checkGradient(
      node("Slice"),
      [x, integers([1, -1]), integers([4, 0]), integers([0, 1]), integers([2, -2])])
    try checkGradient(node("Slice"), [x, integers([1]), integers([9]), integers([-1])])
    try checkGradient(node("Slice"), [x, integers([0]), integers([9])], opset: 10)
    try checkGradient(
      node("Slice", [.ints("starts", [1]), .ints("ends", [3]), .ints("axes", [1])]), [x], opset: 9)
    try checkGradient(node("Slice"), [x, integers([3]), integers([3])])
  }

  @Test func ofGather() throws {
    let x = doubles([3, 4, 2])
    let places = Tensor(shape: [2, 3], [0, 2, 2, -3, 1, 0] as [Int64])
    for axis in [0, 1, -1] {
      let indices = axis == -1 ? Tensor(shape: [], [1 as Int64]) : places
      try checkGradient(node("Gather", [.int("axis", axis)]), [x, indices])
    }
    try checkGradient(node("Gather"), [x, Tensor(shape: [2], [1, 1] as [Int32])], opset: 1)
    try checkGradient(node("Gather"), [doubles([5]), Tensor(shape: [3], [4, 0, 4] as [Int64])])
  }

  @Test func addsUpRowsOfAnEmbedding() throws {
    // Each of 7 words occurs at positions that leave the same remainder.
    let (words, width, count) = (7, 70, 50)
    let indices = (0..<count).map { Int64($0 % words) }
    let graph = Graph(
      nodes: [
        Node("Gather", inputs: ["x", "i"], outputs: ["rows"]),
        Node("Mul", inputs: ["rows", "w"], outputs: ["z"]),
      ],
      inputs: [ValueInfo("x", .tensor(.float32, Shape([words, width])))],
      outputs: [ValueInfo("z", nil)],
      initializers: [
        NamedTensor("i", Tensor(shape: [count], indices)),
        NamedTensor(
          "w", Tensor(shape: [count, width], (0..<count * width).map { Float($0 % 13) })),
      ])
    let operatorSets = [OperatorSetImport(version: 20)]
    var differentiation = try Differentiation(Model(graph: graph, operatorSets: operatorSets))
    let name = try #require(try differentiation.gradients(of: "z", by: ["x"])["x"])
    var full = differentiation.graph
    full.outputs = [ValueInfo(name, nil)]
    let x = Tensor(shape: [words, width], [Float](repeating: 1, count: words * width))
    let found = try #require(
      try Session(Model(graph: full, operatorSets: operatorSets)).run(["x": x])[name])
    var expected = [Float](repeating: 0, count: words * width)
    for i in 0..<count {
      for j in 0..<width { expected[i % words * width + j] += Float((i * width + j) % 13) }
    }
    #expect(found == Tensor(shape: [words, width], expected))
  }

  @Test func ofRepetition() throws {
    try checkGradient(node("Expand"), [doubles([2, 1, 3]), integers([2, 1, 4, 1])])
    try checkGradient(node("Expand"), [doubles([]), integers([2, 2])])
    try checkGradient(node("Tile"), [doubles([2, 3]), integers([2, 3])])
    try checkGradient(node("Tile"), [doubles([2, 3]), integers([1, 1])])
    try checkGradient(
      node("Tile"), [doubles([2, 3]), Tensor(3.0), Tensor(1.0)], by: [0], opset: 1)
  }
}
