import ONNX
import Testing

/// Several nodes become one operator where, and only where, it computes the same.
@Suite struct RewriteTests {
  private let x = floats([2, 3, 4], (0..<24).map { Float(($0 * 37) % 19) / 4 - 2 })

  private func node(_ type: String, _ inputs: [String], _ output: String) -> Node {
    Node(type, inputs: inputs, outputs: [output])
  }

  private func scalar(_ name: String, _ value: Float) -> NamedTensor {
    NamedTensor(name, Tensor(value))
  }

  private var initializers: [NamedTensor] {
    [
      scalar("epsilon", 1e-5), scalar("half", 0.5), scalar("one", 1), scalar("two", 2),
      scalar("three", 3), scalar("six", 6), scalar("zero", 0), scalar("root2", 1.414_213_5),
      scalar("inverse root2", 0.707_106_77), scalar("cubic", 0.044715),
      scalar("factor", 0.797_884_6), scalar("alpha", 1.702),
      NamedTensor("last", Tensor(shape: [1], [-1 as Int64])),
      NamedTensor("middle", Tensor(shape: [1], [1 as Int64])),
      NamedTensor("scale", floats([4], [0.5, 2, -1, 3])),
      NamedTensor("bias", floats([4], [1, -2, 0.25, 0])),
      NamedTensor("column", floats([3, 1], [1, 2, 3])),
    ]
  }

  /// Runs the model with rewriting alone and without any pass, and compares the outputs.
  /// - Returns: the operators after rewriting.
  @discardableResult
  private func rewritten(
    _ nodes: [Node], outputs: [String] = ["y"], opset: Int64 = 18, shape: Shape? = nil,
    extra: [NamedTensor] = []
  ) throws -> [String] {
    let model = Models.model(
      nodes, inputs: [ValueInfo("x", .tensor(.float32, shape ?? Shape(x.shape)))],
      outputs: outputs, initializers: initializers + extra, opset: opset)
    var options = SessionOptions()
    options.threads = 1
    options.passes = []
    let plain = try Session(model, options: options).run(["x": x])
    options.passes = [.rewriting]
    let session = try Session(model, options: options)
    let results = try session.run(["x": x])
    for name in outputs {
      let a = try #require(try plain[name]?.array(as: Float.self))
      let b = try #require(try results[name]?.array(as: Float.self))
      #expect(plain[name]?.shape == results[name]?.shape)
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 2e-6 * max(1, abs($0)) }, "\(name)")
    }
    return try session.describePlan(shapes: ["x": x.shape]).steps.map(\.operatorType)
  }

  /// The mean over the last axis, as the operator set has it.
  private func mean(
    _ input: String, _ output: String, axes: String = "last", keepsAxes: Bool = true
  ) -> Node {
    var node = node("ReduceMean", [input, axes], output)
    if !keepsAxes { node.attributes.append(.int("keepdims", 0)) }
    return node
  }

  /// The nodes that PyTorch writes for a layer normalization.
  private func layerNormalization(
    power: Bool = true, reciprocal: Bool = false, axes: String = "last"
  ) -> [Node] {
    [
      mean("x", "m"), node("Sub", ["x", "m"], "d"),
      power ? node("Pow", ["d", "two"], "q") : node("Mul", ["d", "d"], "q"),
      mean("q", "v", axes: axes), node("Add", ["v", "epsilon"], "e"), node("Sqrt", ["e"], "s"),
    ]
      + (reciprocal
        ? [node("Reciprocal", ["s"], "r"), node("Mul", ["r", "d"], "n")]
        : [node("Div", ["d", "s"], "n")])
      + [node("Mul", ["n", "scale"], "w"), node("Add", ["bias", "w"], "y")]
  }

  @Test func layerNormalizationInItsForms() throws {
    for (power, reciprocal) in [(true, false), (false, false), (true, true), (false, true)] {
      let nodes = layerNormalization(power: power, reciprocal: reciprocal)
      #expect(try rewritten(nodes) == ["LayerNormalization"])
    }
    var withoutBias = layerNormalization().dropLast()
    withoutBias[withoutBias.endIndex - 1].outputs = ["y"]
    #expect(try rewritten(Array(withoutBias)) == ["LayerNormalization"])
    // Two nodes that compute the same difference.
    var twice = layerNormalization()
    twice.insert(node("Sub", ["x", "m"], "d2"), at: 2)
    for index in twice.indices where twice[index].operatorType == "Div" {
      twice[index].inputs[0] = "d2"
    }
    #expect(try rewritten(twice) == ["LayerNormalization"])
  }

  @Test func layerNormalizationOfOldOperatorSets() throws {
    for opset in [9, 13, 17] as [Int64] {
      let nodes = layerNormalization().map { node in
        guard node.operatorType == "ReduceMean" else { return node }
        return Node(
          "ReduceMean", inputs: [node.inputs[0]], outputs: node.outputs,
          attributes: [.ints("axes", [-1])])
      }
      #expect(try rewritten(nodes, opset: opset) == ["LayerNormalization"])
    }
  }

  /// Everything here computes something else, or has to stay for somebody else.
  @Test func whatIsNotALayerNormalizationStays() throws {
    func stays(
      _ nodes: [Node], outputs: [String] = ["y"], extra: [NamedTensor] = [], opset: Int64 = 18,
      _ comment: Comment
    ) throws {
      let operators = try rewritten(nodes, outputs: outputs, opset: opset, extra: extra)
      #expect(!operators.contains("LayerNormalization"), comment)
    }
    let nodes = layerNormalization()
    try stays(layerNormalization(axes: "middle"), "variance over another axis")
    try stays(nodes, outputs: ["y", "d"], "an intermediate is an output")
    try stays(
      nodes + [node("Neg", ["n"], "z")], outputs: ["y", "z"], "another node uses an intermediate")
    let then = Graph(
      nodes: [node("Neg", ["n"], "inner")], outputs: [ValueInfo("inner", nil)])
    let branch = Node(
      "If", inputs: ["condition"], outputs: ["z"],
      attributes: [.graph("then_branch", then), .graph("else_branch", then)])
    try stays(
      nodes + [branch], outputs: ["y", "z"],
      extra: [NamedTensor("condition", Tensor(true))], "a subgraph uses an intermediate")

    func changed(_ type: String, _ change: (inout Node) -> Void) -> [Node] {
      var result = nodes
      for index in result.indices where result[index].operatorType == type {
        change(&result[index])
        break
      }
      return result
    }
    try stays(changed("Pow") { $0.inputs[1] = "three" }, "a cube for the square")
    try stays(changed("Sub") { $0.inputs.reverse() }, "mean − x")
    try stays(changed("Sqrt") { $0.operatorType = "Exp" }, "another function")
    try stays(changed("Add") { $0.inputs[1] = "scale" }, "an epsilon that is not one number")
    try stays(changed("Mul") { $0.inputs[1] = "column" }, "a scale along another axis")
    try stays(
      [node("Flatten", ["x"], "f")]
        + nodes.map { node in
          var node = node
          node.inputs = node.inputs.map { $0 == "x" ? "f" : $0 }
          return node
        },
      extra: [], "scale and bias of another size than the last axis")
  }

  @Test func operatorSetsThatBroadcastByAttributesStay() throws {
    let nodes = [node("Sigmoid", ["x"], "g"), node("Mul", ["g", "x"], "y")]
    #expect(try rewritten(nodes, opset: 6) == ["Sigmoid", "Mul"])
    #expect(try rewritten(nodes, opset: 7) == ["Swish"])
  }

  @Test func rootMeanSquareNormalization() throws {
    let start = [
      node("Pow", ["x", "two"], "q"), mean("q", "v"), node("Add", ["epsilon", "v"], "e"),
    ]
    let root = start + [node("Sqrt", ["e"], "s")]
    for end in [
      root + [node("Div", ["x", "s"], "n"), node("Mul", ["scale", "n"], "y")],
      root + [
        node("Reciprocal", ["s"], "r"), node("Mul", ["x", "r"], "n"),
        node("Mul", ["n", "scale"], "y"),
      ],
      root + [
        node("Div", ["one", "s"], "r"), node("Mul", ["scale", "r"], "n"),
        node("Mul", ["n", "x"], "y"),
      ],
    ] {
      #expect(try rewritten(end) == ["RMSNormalization"])
    }
    let sum = start.map { node in
      var node = node
      if node.operatorType == "ReduceMean" { node.operatorType = "ReduceSum" }
      return node
    }
    let other =
      sum + [
        node("Sqrt", ["e"], "s"), node("Div", ["x", "s"], "n"),
        node("Mul", ["scale", "n"], "y"),
      ]
    #expect(try !rewritten(other).contains("RMSNormalization"))
  }

  @Test func gaussianErrorLinearUnits() throws {
    let erf = [
      node("Div", ["x", "root2"], "a"), node("Erf", ["a"], "b"), node("Add", ["b", "one"], "c"),
    ]
    let scaled = [
      node("Mul", ["inverse root2", "x"], "a"), node("Erf", ["a"], "b"),
      node("Add", ["one", "b"], "c"),
    ]
    let ends = [
      [node("Mul", ["x", "half"], "h"), node("Mul", ["h", "c"], "y")],
      [node("Mul", ["x", "c"], "h"), node("Mul", ["h", "half"], "y")],
      [node("Mul", ["c", "half"], "h"), node("Mul", ["x", "h"], "y")],
      [node("Mul", ["x", "c"], "h"), node("Div", ["h", "two"], "y")],
    ]
    for start in [erf, scaled] {
      for end in ends { #expect(try rewritten(start + end) == ["Gelu"]) }
    }
    var other = erf + ends[0]
    other[0].inputs[1] = "alpha"
    #expect(try !rewritten(other).contains("Gelu"), "another constant")
    other = erf + ends[0]
    other[2].operatorType = "Sub"
    #expect(try !rewritten(other).contains("Gelu"), "erf − 1")
    #expect(try !rewritten(erf + ends[0], outputs: ["y", "b"]).contains("Gelu"))
  }

  @Test func gaussianErrorLinearUnitsByTanh() throws {
    let end = [
      node("Tanh", ["i"], "t"), node("Add", ["t", "one"], "u"), node("Mul", ["x", "u"], "h"),
      node("Mul", ["half", "h"], "y"),
    ]
    let forms = [
      [
        node("Pow", ["x", "three"], "k"), node("Mul", ["cubic", "k"], "l"),
        node("Add", ["x", "l"], "a"), node("Mul", ["a", "factor"], "i"),
      ],
      [
        node("Mul", ["x", "x"], "k"), node("Mul", ["k", "x"], "l"),
        node("Mul", ["l", "cubic"], "m"), node("Add", ["x", "m"], "a"),
        node("Mul", ["factor", "a"], "i"),
      ],
      [
        node("Mul", ["x", "x"], "k"), node("Mul", ["k", "cubic"], "l"),
        node("Add", ["one", "l"], "a"), node("Mul", ["x", "factor"], "b"),
        node("Mul", ["b", "a"], "i"),
      ],
    ]
    for form in forms { #expect(try rewritten(form + end) == ["Gelu"]) }
    var other = forms[0]
    other[0].inputs[1] = "two"
    #expect(try !rewritten(other + end).contains("Gelu"))
  }

  @Test func swish() throws {
    #expect(
      try rewritten([node("Sigmoid", ["x"], "g"), node("Mul", ["x", "g"], "y")]) == ["Swish"])
    let scaled = [
      node("Mul", ["x", "alpha"], "a"), node("Sigmoid", ["a"], "g"), node("Mul", ["g", "x"], "y"),
    ]
    #expect(try rewritten(scaled) == ["Swish"])
    let gated = [
      node("Neg", ["x"], "n"), node("Sigmoid", ["n"], "g"), node("Mul", ["x", "g"], "y"),
    ]
    #expect(try rewritten(gated) == ["Neg", "Sigmoid", "Mul"])
    // The product of a row and its gate has more elements than the row.
    let spread = [
      node("Sigmoid", ["scale"], "g"), node("Mul", ["scale", "x"], "a"),
      node("Mul", ["a", "g"], "y"),
    ]
    #expect(try !rewritten(spread).contains("Swish"))
  }

  @Test func hardSwish() throws {
    var gate = node("HardSigmoid", ["x"], "g")
    gate.attributes = [.float("alpha", 1 / 6), .float("beta", 0.5)]
    let product = node("Mul", ["x", "g"], "y")
    #expect(try rewritten([gate, product]) == ["HardSwish"])
    gate.attributes = []
    #expect(try rewritten([gate, product]) == ["HardSigmoid", "Mul"])

    let clipped = [
      node("Add", ["x", "three"], "a"), node("Clip", ["a", "zero", "six"], "c"),
      node("Mul", ["x", "c"], "b"), node("Div", ["b", "six"], "y"),
    ]
    #expect(try rewritten(clipped) == ["HardSwish"])
    var other = clipped
    other[1].inputs[2] = "three"
    #expect(try !rewritten(other).contains("HardSwish"))
  }

  @Test func symbolicBatchesAreRewritten() throws {
    #expect(
      try rewritten(layerNormalization(), shape: [.symbol("N"), .symbol("T"), 4])
        == ["LayerNormalization"])
    // Without the last size the scale may be longer than the axis.
    #expect(
      try !rewritten(layerNormalization(), shape: [.symbol("N"), .symbol("T"), .unknown])
        .contains("LayerNormalization"))
  }

  @Test func elementTypesThatAnOperatorLacksStay() throws {
    let x = Tensor(shape: [2], [1, 2] as [Double])
    let model = Models.model(
      [
        mean("x", "m"), node("Sub", ["x", "m"], "d"), node("Mul", ["d", "d"], "q"),
        mean("q", "v"), node("Add", ["v", "e"], "u"), node("Sqrt", ["u"], "s"),
        node("Div", ["d", "s"], "n"), node("Mul", ["n", "w"], "y"),
      ], inputs: [ValueInfo("x", .tensor(.float64, [2]))],
      initializers: [
        NamedTensor("e", Tensor(1e-5)), NamedTensor("w", x),
        NamedTensor("last", Tensor(shape: [1], [-1 as Int64])),
      ])
    let reports = try Session(model).passReports.filter { $0.pass == "rewriting" }
    #expect(reports.map(\.changes) == [[]])
  }

  @Test func rewritingIsReportedAndCanBeLeftOut() throws {
    let model = Models.model(
      [node("Sigmoid", ["x"], "g"), node("Mul", ["x", "g"], "y")])
    let report = try #require(
      try Session(model).passReports.first { $0.pass == "rewriting" })
    #expect(report.nodesBefore == 2 && report.nodesAfter == 1)
    #expect(report.changes.map(\.text) == ["2 nodes → Swish"])
    #expect(report.changes.map(\.count) == [1])
    var options = SessionOptions()
    options.passes.remove(.rewriting)
    #expect(try Session(model, options: options).describePlan().steps.count == 2)
  }
}
