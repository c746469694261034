import ONNX
import Testing

/// The nodes of activation functions become one operator where, and only where, it computes the same.
@Suite struct ActivationRewriteTests: RewriteSuite {
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

  /// At infinities the gate is 0 or 1 exactly, for either sign of alpha, as in the chain of nodes.
  @Test func swishWithANegativeAlpha() throws {
    let scaled = [
      node("Mul", ["x", "minus"], "a"), node("Sigmoid", ["a"], "g"), node("Mul", ["g", "x"], "y"),
    ]
    let minus = NamedTensor("minus", Tensor(-1.3 as Float))
    #expect(try rewritten(scaled, extra: [minus]) == ["Swish"])

    var swish = node("Swish", ["x"], "y")
    swish.attributes = [.float("alpha", -1.3)]
    let model = Models.model(
      [swish], inputs: [ValueInfo("x", .tensor(.float32, [1]))], outputs: ["y"],
      initializers: [], opset: 24)
    let y = try Session(model).run(["x": floats([1], [-.infinity])])["y"]
    #expect(try y?.array(as: Float.self) == [-.infinity])
  }

  /// Attributes are float32, which is too coarse for float64.
  @Test func swishOfFloat64() throws {
    let scaled = [
      node("Mul", ["x", "alpha"], "a"), node("Sigmoid", ["a"], "g"), node("Mul", ["g", "x"], "y"),
    ]
    for (alpha, operators) in [(1.702, ["Mul", "Sigmoid", "Mul"]), (1.5, ["Swish"])] {
      let model = Models.model(
        scaled, inputs: [ValueInfo("x", .tensor(.float64, [2]))], outputs: ["y"],
        initializers: [NamedTensor("alpha", Tensor(alpha))], opset: 18)
      var options = SessionOptions()
      options.passes = [.rewriting]
      let session = try Session(model, options: options)
      #expect(try session.describePlan(shapes: ["x": [2]]).steps.map(\.operatorType) == operators)
    }
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

  @Test func operatorSetsThatBroadcastByAttributesStay() throws {
    let nodes = [node("Sigmoid", ["x"], "g"), node("Mul", ["g", "x"], "y")]
    #expect(try rewritten(nodes, opset: 6) == ["Sigmoid", "Mul"])
    #expect(try rewritten(nodes, opset: 7) == ["Swish"])
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
