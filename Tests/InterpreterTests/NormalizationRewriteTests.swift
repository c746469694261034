import ONNX
import Testing

/// The nodes of normalizations become one operator where, and only where, it computes the same.
@Suite struct NormalizationRewriteTests: RewriteSuite {
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
    try stays(
      changed("Mul") { $0.inputs[1] = "deep" },
      extra: [NamedTensor("deep", floats([2, 1, 1, 1], [1, 2]))], "a scale of more axes")
  }

  @Test func aScaleMayBeOfAnotherAxis() throws {
    let nodes = layerNormalization().map { node in
      var node = node
      node.inputs = node.inputs.map { $0 == "scale" ? "column" : $0 }
      return node
    }
    #expect(try rewritten(nodes) == ["LayerNormalization"])
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
        NamedTensor("e", Tensor(1e-5 as Double)), NamedTensor("w", x),
        NamedTensor("last", Tensor(shape: [1], [-1 as Int64])),
      ])
    let reports = try Session(model).passReports.filter { $0.pass == "rewriting" }
    #expect(reports.map(\.changes) == [[]])
  }
}
