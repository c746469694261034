import ONNX
import ONNXConversion
import Testing

@Suite struct NarrowingTests {
  private func cast(_ input: String, _ type: ElementType, to output: String) -> Node {
    Node(
      "Cast", name: output, inputs: [input], outputs: [output],
      attributes: [.int("to", Int(type.rawValue))])
  }

  private func elementTypes(_ model: Model) -> Set<ElementType> {
    Set(model.graph.initializers.map(\.tensor.elementType))
  }

  /// The shape of `y` for an input of 2049 elements.
  private func shape(
    _ nodes: [Node], constants: [NamedTensor], to type: ElementType = .float16, version: Int = 17
  ) throws -> [Int] {
    let wide = model(version, [2049], nodes, constants: constants)
    let (narrow, _) = try wide.narrowed(to: type)
    let x = Tensor(shape: [2049], [Float](repeating: 1, count: 2049))
    let before = try #require(try Session(wide).run(["x": x])["y"]).shape
    let after = try #require(try Session(narrow).run(["x": x])["y"]).shape
    #expect(before == after)
    return after
  }

  @Test(arguments: [ElementType.float16, .bfloat16])
  func sizesKeepTheirPrecisionThroughArithmetic(type: ElementType) throws {
    let nodes = [
      Node("Shape", inputs: ["x"], outputs: ["s"]), cast("s", .float32, to: "f"),
      Node("Mul", inputs: ["f", "k"], outputs: ["g"]), Node("Floor", inputs: ["g"], outputs: ["h"]),
      cast("h", .int64, to: "t"), Node("Expand", inputs: ["o", "t"], outputs: ["y"]),
    ]
    let one = Tensor(shape: [1], [1] as [Float])
    let found = try shape(
      nodes, constants: [NamedTensor("k", one), NamedTensor("o", one)], to: type)
    #expect(found == [2049])
  }

  @Test func theLimitsOfARangeKeepTheirPrecision() throws {
    let nodes = [
      Node("ReduceSum", inputs: ["x"], outputs: ["n"], attributes: [.int("keepdims", 0)]),
      Node("Range", inputs: ["zero", "n", "one"], outputs: ["y"]),
    ]
    let constants = [
      NamedTensor("zero", Tensor(Float(0))), NamedTensor("one", Tensor(Float(1))),
    ]
    #expect(try shape(nodes, constants: constants) == [2049])
  }

  @Test func positionsKeepTheirPrecisionUpToTheData() throws {
    // The sine of 0.5 · position, added to the data.
    let positions = model(
      17, [3000],
      [
        Node("Shape", inputs: ["x"], outputs: ["s"]),
        Node("Squeeze", inputs: ["s"], outputs: ["n"]),
        Node("Range", inputs: ["zero", "n", "one"], outputs: ["r"]), cast("r", .float32, to: "p"),
        Node("Mul", inputs: ["p", "half"], outputs: ["a"]),
        Node("Sin", inputs: ["a"], outputs: ["b"]),
        Node("Add", inputs: ["b", "x"], outputs: ["y"]),
      ],
      constants: [
        NamedTensor("zero", Tensor(Int64(0))), NamedTensor("one", Tensor(Int64(1))),
        NamedTensor("half", Tensor(Float(0.5))),
      ])
    let x = noise([3000])
    let (narrow, left) = try positions.narrowed(to: .float16)
    #expect(!left.isEmpty)
    for (a, b) in zip(try run(positions, x), try run(narrow, x)) { #expect(abs(a - b) < 4e-3) }
  }

  @Test func layersBehindIntegersAreNarrow() throws {
    let graph = Graph(
      name: "bytes",
      nodes: [
        cast("x", .float32, to: "f"), Node("Div", inputs: ["f", "c"], outputs: ["d"]),
        Node("MatMul", inputs: ["d", "w"], outputs: ["y"]),
      ],
      inputs: [ValueInfo("x", .tensor(.uint8, [2, 4]))],
      outputs: [ValueInfo("y", .tensor(.float32, [2, 3]))],
      initializers: [
        NamedTensor("c", Tensor(Float(255))), NamedTensor("w", noise([4, 3])),
      ])
    let model = Model(graph: graph, operatorSets: [OperatorSetImport(version: 17)], irVersion: 8)
    let narrow = try model.narrowed(to: .float16).model
    #expect(elementTypes(narrow) == [.float32, .float16])
  }

  @Test(arguments: [ElementType.float16, .bfloat16])
  func sequencesAndRegionsKeepTheirType(type: ElementType) throws {
    let parts = model(
      17, [4],
      [
        Node(
          "SplitToSequence", inputs: ["x", "two"], outputs: ["q"], attributes: [.int("axis", 0)]),
        Node(
          "ConcatFromSequence", inputs: ["q"], outputs: ["j"], attributes: [.int("axis", 0)]),
        Node("Exp", inputs: ["j"], outputs: ["y"]),
      ], constants: [NamedTensor("two", Tensor(Int64(2)))])
    #expect(try run(parts.narrowed(to: type).model, noise([4])).count == 4)
    let resized = model(
      13, [1, 1, 2, 2],
      [
        Node("Exp", inputs: ["x"], outputs: ["e"]),
        Node(
          "Resize", inputs: ["e", "roi", "scales"], outputs: ["y"],
          attributes: [.string("mode", "nearest")]),
      ],
      constants: [
        NamedTensor("roi", Tensor(shape: [8], [Float](repeating: 0, count: 8))),
        NamedTensor("scales", Tensor(shape: [4], [1, 1, 2, 2] as [Float])),
      ])
    let narrow = try resized.narrowed(to: type).model
    #expect(elementTypes(narrow) == [.float32])
    #expect(narrow.operatorNames.contains("Resize"))
    #expect(try run(narrow, noise([1, 1, 2, 2])).count == 16)
  }

  /// A weight that does not magnify errors.
  private var weak: Tensor {
    Tensor(shape: [32, 32], noise([32, 32], seed: 1).elements(as: Float.self).map { $0 / 6 })
  }

  /// A loop whose body multiplies its state by a weight, three times.
  private var loop: Model {
    let body = Graph(
      name: "body",
      nodes: [
        Node("MatMul", name: "inside", inputs: ["state", "w"], outputs: ["product"]),
        Node("Tanh", inputs: ["product"], outputs: ["next"]),
        Node("Identity", inputs: ["condition"], outputs: ["again"]),
      ],
      inputs: [
        ValueInfo("trip", .tensor(.int64, [])), ValueInfo("condition", .tensor(.bool, [])),
        ValueInfo("state", .tensor(.float32, [2, 32])),
      ],
      outputs: [
        ValueInfo("again", .tensor(.bool, [])), ValueInfo("next", .tensor(.float32, [2, 32])),
      ],
      initializers: [NamedTensor("w", weak)])
    return model(
      17, [2, 32],
      [
        Node(
          "Loop", name: "loop", inputs: ["count", "", "x"], outputs: ["y"],
          attributes: [.graph("body", body)])
      ], constants: [NamedTensor("count", Tensor(Int64(3)))])
  }

  @Test func weightsInLoopsAreConverted() throws {
    let x = noise([2, 32], seed: 2)
    let expected = try run(loop, x)
    func check(_ changed: Model, within bound: Float) throws {
      #expect(!changed.graph.initializers.isEmpty)
      let constants = constantBytes(changed)
      #expect(constants < 32 * 32 * 4 * 3 / 4)
      for (a, b) in zip(expected, try run(changed, x)) { #expect(abs(a - b) < bound) }
    }
    let (narrow, left) = try loop.narrowed(to: .float16)
    #expect(left.isEmpty)
    try check(narrow, within: 0.02)
    try check(loop.dynamicallyQuantized().model, within: 0.2)
    try check(loop.blockQuantized().model, within: 1)
    #expect(throws: ConversionError.self) {
      try loop.dynamicallyQuantized(keeping: NamePatterns(["inside"]))
    }
  }

  @Test func branchesMayShareTheNamesOfTheirValues() throws {
    func branch(_ seed: UInt64) -> Graph {
      Graph(
        name: "branch",
        nodes: [
          Node("MatMul", inputs: ["e", "w"], outputs: ["m"]),
          Node("Relu", inputs: ["m"], outputs: ["r"]),
        ], inputs: [], outputs: [ValueInfo("r", .tensor(.float32, [2, 32]))],
        initializers: [NamedTensor("w", noise([32, 32], seed: seed))])
    }
    let choice = model(
      17, [2, 32],
      [
        Node("Exp", inputs: ["x"], outputs: ["e"]),
        Node("ReduceSum", inputs: ["x"], outputs: ["s"], attributes: [.int("keepdims", 0)]),
        Node("Greater", inputs: ["s", "zero"], outputs: ["c"]),
        Node(
          "If", inputs: ["c"], outputs: ["y"],
          attributes: [.graph("then_branch", branch(3)), .graph("else_branch", branch(4))]),
      ], constants: [NamedTensor("zero", Tensor(Float(0)))])
    for seed in 5..<9 {
      let x = noise([2, 32], seed: UInt64(seed))
      let expected = try run(choice, x)
      for (changed, bound) in [
        (try choice.narrowed(to: .float16).model, 0.1 as Float),
        (try choice.dynamicallyQuantized().model, 0.5), (try choice.blockQuantized().model, 4),
      ] {
        for (a, b) in zip(expected, try run(changed, x)) { #expect(abs(a - b) < bound) }
      }
    }
  }

  @Test func quantizedModelsStayAsTheyAre() throws {
    // The scale of a bias of int32 is far below the smallest float16.
    let bias = model(
      21, [1, 2],
      [
        Node("DequantizeLinear", inputs: ["q", "scale"], outputs: ["b"]),
        Node("Add", inputs: ["x", "b"], outputs: ["y"]),
      ],
      constants: [
        NamedTensor("q", Tensor(shape: [2], [100_000_000, -200_000_000] as [Int32])),
        NamedTensor("scale", Tensor(Float(1e-8))),
      ])
    let narrow = try bias.narrowed(to: .float16).model
    let y = try run(narrow, Tensor(shape: [1, 2], [0, 0] as [Float]))
    #expect(abs(y[0] - 1) < 1e-3 && abs(y[1] + 2) < 1e-3)
  }

  @Test func aSquareWeightMayBeUsedBothWays() throws {
    let shared = Model(
      graph: Graph(
        name: "shared",
        nodes: [
          Node("Gemm", inputs: ["x", "w"], outputs: ["a"], attributes: [.int("transB", 1)]),
          Node("MatMul", inputs: ["x", "w"], outputs: ["b"]),
        ],
        inputs: [ValueInfo("x", .tensor(.float32, [8, 8]))],
        outputs: ["a", "b"].map { ValueInfo($0, .tensor(.float32, [8, 8])) },
        initializers: [NamedTensor("w", noise([8, 8], seed: 1))]),
      operatorSets: [OperatorSetImport(version: 17)], irVersion: 8)
    var unit = [Float](repeating: 0, count: 64)
    for index in 0..<8 { unit[index * 9] = 1 }
    let x = Tensor(shape: [8, 8], unit)
    let outputs = try Session(shared.blockQuantized().model).run(["x": x])
    let a = try #require(outputs["a"]).array(as: Float.self)
    let b = try #require(outputs["b"]).array(as: Float.self)
    for row in 0..<8 {
      for column in 0..<8 { #expect(abs(a[row * 8 + column] - b[column * 8 + row]) < 0.3) }
    }
  }

  @Test func transposedConvolutionsAreQuantizedBetweenRounding() throws {
    let net = model(
      17, [1, 4, 5, 5],
      [Node("ConvTranspose", inputs: ["x", "w", "b"], outputs: ["y"])],
      constants: [
        NamedTensor("w", noise([4, 3, 2, 2], seed: 1)), NamedTensor("b", noise([3], seed: 2)),
      ])
    let x = noise([1, 4, 5, 5], seed: 3)
    let (quantized, count) = try net.staticallyQuantized(calibratedBy: [["x": .tensor(x)]])
    #expect(count == 1)
    #expect(quantized.graph.initializers.contains { $0.tensor.elementType == .uint8 })
    for (a, b) in zip(try run(net, x), try run(quantized, x)) { #expect(abs(a - b) < 0.1) }
    let dynamic = try net.dynamicallyQuantized().model
    #expect(dynamic.graph.initializers.contains { $0.tensor.elementType == .uint8 })
    for (a, b) in zip(try run(net, x), try run(dynamic, x)) { #expect(abs(a - b) < 0.05) }
  }

  @Test func patternsThatMatchNothingAreErrors() throws {
    var node = Node("Relu", name: "node_relu", inputs: ["x"], outputs: ["y"])
    node.metadata = [
      MetadataEntry(key: "pkg.torch.onnx.name_scopes", value: "['', 'features.0', 'relu']")
    ]
    let net = model(17, [2], [node])
    for pattern in ["Relu", "node_*", "features", "features.*"] {
      try net.checkNodes(match: NamePatterns([pattern]))
    }
    let error = #expect(throws: ConversionError.self) {
      try net.checkNodes(match: NamePatterns(["node_rely"]))
    }
    #expect(error?.description.contains("did you mean 'node_relu'") == true)
  }
}

/// The bytes of all initializers.
private func constantBytes(_ model: Model) -> Int {
  model.graph.initializers.map { tensor in
    tensor.tensor.count * (tensor.tensor.elementType.bitsInFile ?? 8) / 8
  }.reduce(0, +)
}
