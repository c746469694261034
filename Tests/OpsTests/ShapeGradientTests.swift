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
    // Each of 7 words occurs at the positions with the same remainder.
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
      node("Tile"), [doubles([2, 3]), Tensor(3.0 as Double), Tensor(1.0 as Double)], by: [0],
      opset: 1)
  }

  @Test(arguments: ["constant", "reflect", "edge", "wrap"]) func ofPadding(mode: String) throws {
    let attributes = [Attribute.string("mode", mode)]
    let x = doubles([2, 3, 4])
    try checkGradient(node("Pad", attributes), [x, integers([0, 1, 2, 0, 2, 0])])
    try checkGradient(
      node("Pad", attributes), [x, integers([2, 1, -1, 0]), nil, integers([1, 2])])
    try checkGradient(node("Pad", attributes), [x, integers([0, 2, 0, 0, 1, 0])])
    if mode == "constant" {
      try checkGradient(
        node("Pad", attributes), [x, integers([1, 0, 0, 0, 2, -1]), Tensor(0.5 as Double)])
    }
    if mode != "wrap" {
      try checkGradient(
        node("Pad", attributes + [.ints("pads", [0, 1, 1, 1, 0, 2])]), [x], opset: 2)
    }
  }

  @Test func ofCroppingAroundTheCenter() throws {
    let axes = Attribute.ints("axes", [-1, 0])
    try checkGradient(node("CenterCropPad"), [doubles([4, 3]), integers([2, 6])])
    try checkGradient(node("CenterCropPad", [axes]), [doubles([4, 2, 3]), integers([6, 1])])
  }

  @Test func ofGatheredElements() throws {
    let x = doubles([3, 4])
    let places = Tensor(shape: [3, 2], [0, 2, -1, 1, 0, 0] as [Int64])
    try checkGradient(node("GatherElements", [.int("axis", 1)]), [x, places])
    let tuples = Tensor(shape: [3, 1], [0, 2, 2] as [Int64])
    try checkGradient(node("GatherND"), [x, tuples])
    let batched = Tensor(shape: [3, 2, 1], [0, -1, 1, 1, 2, 0] as [Int64])
    try checkGradient(node("GatherND", [.int("batch_dims", 1)]), [x, batched])
  }

  @Test(arguments: ["none", "add"]) func ofScatteredUpdates(reduction: String) throws {
    let attributes = [Attribute.string("reduction", reduction)]
    let x = doubles([3, 4])
    let places = Tensor(shape: [2, 2], [0, -1, 2, 1] as [Int64])
    let updates = doubles([2, 2], seed: 2)
    try checkGradient(node("ScatterElements", attributes), [x, places, updates])
    try checkGradient(
      node("ScatterElements", attributes + [.int("axis", 1)]), [x, places, updates])
    try checkGradient(node("ScatterND", attributes), [x, places, doubles([2], seed: 3)])
    if reduction == "none" {
      try checkGradient(node("Scatter"), [x, places, updates], opset: 10)
    } else {
      #expect(throws: ModelError.self) {
        try checkGradient(
          node("ScatterND", [.string("reduction", "mul")]), [x, places, doubles([2], seed: 3)])
      }
    }
  }

  @Test func ofTriangles() throws {
    try checkGradient(node("Trilu"), [doubles([2, 3, 3])])
    try checkGradient(node("Trilu", [.int("upper", 0)]), [doubles([3, 4]), Tensor(1 as Int64)])
  }

  @Test(arguments: ["DCR", "CRD"]) func ofBlocksOfSpace(mode: String) throws {
    let attributes = [Attribute.int("blocksize", 2), .string("mode", mode)]
    try checkGradient(node("DepthToSpace", attributes), [doubles([1, 8, 2, 3])])
    try checkGradient(node("SpaceToDepth", attributes), [doubles([1, 2, 4, 2])], opset: 28)
    try checkGradient(node("SpaceToDepth", [attributes[0]]), [doubles([1, 2, 4, 2])])
  }

  @Test func ofReversedSequences() throws {
    let lengths = integers([2, 3])
    try checkGradient(node("ReverseSequence"), [doubles([4, 2, 2]), lengths])
    let batchMajor: [Attribute] = [.int("batch_axis", 0), .int("time_axis", 1)]
    try checkGradient(node("ReverseSequence", batchMajor), [doubles([2, 3]), lengths])
  }

  @Test func ofChosenSlices() throws {
    let x = doubles([3, 2])
    try checkGradient(
      node("Compress", [.int("axis", 0)]), [x, Tensor(shape: [3], [true, false, true])])
    try checkGradient(node("Compress"), [x, Tensor(shape: [5], [true, false, true, true, false])])
  }

  @Test func ofTheGreatest() throws {
    let outputs = ["values", "places"]
    try checkGradient(node("TopK", outputs: outputs), [doubles([3, 5]), integers([2])])
    try checkGradient(
      node("TopK", [.int("axis", 0), .int("largest", 0)], outputs: ["values"]),
      [doubles([4, 2]), integers([3])])
    try checkGradient(
      node("TopK", [.int("k", 2)], outputs: outputs), [doubles([3, 5])], opset: 1)
  }

  @Test func ofRunningSums() throws {
    let x = doubles([3, 4])
    for (exclusive, reverse) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
      try checkGradient(
        node("CumSum", [.int("exclusive", exclusive), .int("reverse", reverse)]),
        [x, Tensor(Int64(exclusive))])
    }
  }

  @Test func isZeroForWhatOnlyTakesTheShape() throws {
    for name in ["EyeLike", "RandomNormalLike", "RandomUniformLike", "Bernoulli"] {
      let seed = name == "EyeLike" ? [] : [Attribute.float("seed", 1)]
      #expect(try checkGradient(node(name, seed), [doubles([3, 3], from: 0.1)]).isEmpty)
    }
  }

  /// A gradient for a dynamic batch size equals the one for a fixed size.
  @Test(arguments: [
    Node("Concat", inputs: ["x", "x"], outputs: ["y"], attributes: [.int("axis", 0)]),
    Node("Split", inputs: ["x"], outputs: ["y", "z"], attributes: [.int("axis", 1)]),
    Node("Slice", inputs: ["x", "one", "big"], outputs: ["y"]),
    Node("Gather", inputs: ["x", "one"], outputs: ["y"]),
    Node("Tile", inputs: ["x", "two"], outputs: ["y"]),
    Node("Flatten", inputs: ["x"], outputs: ["y"]),
    Node("ReduceMean", inputs: ["x", "zero"], outputs: ["y"], attributes: [.int("keepdims", 0)]),
    Node("ReduceMax", inputs: ["x"], outputs: ["y"]),
    Node("Softmax", inputs: ["x"], outputs: ["y"], attributes: [.int("axis", 0)]),
    Node("Pad", inputs: ["x", "pads"], outputs: ["y"], attributes: [.string("mode", "reflect")]),
    Node("Sub", inputs: ["x", "row"], outputs: ["y"]),
  ]) func holdsForAnyBatch(node: Node) throws {
    let x = doubles([3, 4])
    func gradient(_ shape: Shape) throws -> Tensor {
      let graph = Graph(
        nodes: [node, Node("Mul", inputs: ["y", "y"], outputs: ["loss"])],
        inputs: [ValueInfo("x", .tensor(.float64, shape))], outputs: [ValueInfo("loss", nil)],
        initializers: [
          NamedTensor("zero", integers([0])), NamedTensor("one", integers([1])),
          NamedTensor("two", integers([2, 3])), NamedTensor("big", integers([9])),
          NamedTensor("pads", integers([1, 2, 0, 1])), NamedTensor("row", doubles([4], seed: 2)),
        ])
      let operatorSets = [OperatorSetImport(version: 20)]
      var differentiation = try Differentiation(Model(graph: graph, operatorSets: operatorSets))
      let name = try #require(try differentiation.gradients(of: "loss", by: ["x"])["x"])
      var full = differentiation.graph
      full.outputs = [ValueInfo(name, nil)]
      let session = try Session(Model(graph: full, operatorSets: operatorSets))
      return try #require(try session.run(["x": x])[name])
    }
    let found = try gradient([.symbol("N"), 4])
    #expect(found.shape == x.shape)
    #expect(try found == gradient([3, 4]))
  }

  /// A file may contain operators of the private domain, which only passes should add.
  @Test func refusesWhatDoesNotFit() throws {
    let shape = integers([3, 4])
    func run(_ name: String, _ inputs: [Tensor], _ attributes: [Attribute] = []) throws {
      let names = inputs.indices.map { "input\($0)" }
      let graph = Graph(
        nodes: [
          Node(
            name, domain: "swift.onnx", inputs: names, outputs: ["y"], attributes: attributes)
        ],
        inputs: zip(names, inputs).map { ValueInfo($0, .tensor($1.type)) },
        outputs: [ValueInfo("y", nil)])
      let model = Model(
        graph: graph,
        operatorSets: [
          OperatorSetImport(version: 20), OperatorSetImport(domain: "swift.onnx", version: 20),
        ])
      _ = try Session(model).run(Dictionary(uniqueKeysWithValues: zip(names, inputs)))
    }
    let g = doubles([2, 4])
    try run("GatherGrad", [g, shape, integers([0, 2])])
    for (name, inputs) in [
      ("GatherGrad", [g, shape, integers([0, 3])]),
      ("GatherGrad", [g, shape, integers([0, 1, 2])]),
      ("GatherGrad", [g, integers([-3, 4]), integers([0, 1])]),
      ("GatherGrad", [g, integers([.max, .max]), integers([0, 1])]),
      ("SliceGrad", [g, shape, integers([0]), integers([3])]),
      ("SliceGrad", [g, shape, integers([0]), integers([2]), integers([5])]),
      ("PadGrad", [g, shape, integers([0, 0, 0, 0])]),
      ("PadGrad", [g, shape, integers([1, .max, 0, .max])]),
      ("GatherNDGrad", [g, Tensor(shape: [2, 1], [0, 2] as [Int64]), g]),
      ("ReduceProdGrad", [g, doubles([3, 4])]), ("DetGrad", [g, doubles([3, 4])]),
      ("DetGrad", [g, doubles([4, 4])]), ("SoftmaxGrad", [g, doubles([4, 4])]),
      ("ClipGrad", [g, doubles([4, 4])]), ("ClipGrad", [g, g, doubles([2])]),
      ("SoftmaxCrossEntropyLossGrad", [doubles([2]), g, integers([0, 1])]),
      ("SoftmaxCrossEntropyLossGrad", [doubles([]), g, integers([0, 4])]),
      ("NegativeLogLikelihoodLossGrad", [doubles([]), g, integers([0, 1, 2])]),
      ("NegativeLogLikelihoodLossGrad", [doubles([]), g, integers([0, 1]), doubles([2])]),
    ] {
      #expect(throws: ModelError.self, "\(name) of \(inputs.map(\.shape))") {
        try run(name, inputs)
      }
    }
  }
}
