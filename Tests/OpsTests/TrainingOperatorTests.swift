import ONNX
import OperatorLaws
import Testing

private func node(
  _ type: String, inputs: Int, outputs: Int, _ attributes: [Attribute]
) -> Node {
  Node(
    type, domain: "ai.onnx.preview.training", inputs: (0..<inputs).map { "x\($0)" },
    outputs: (0..<outputs).map { "y\($0)" }, attributes: attributes)
}

private func vector(_ values: Float...) -> Tensor { Tensor(shape: [values.count], values) }
private func doubles(_ values: Double...) -> Tensor { Tensor(shape: [values.count], values) }

private func expectClose(
  _ results: [Tensor?], _ expected: [[Double]], sourceLocation: SourceLocation = #_sourceLocation
) throws {
  #expect(results.count == expected.count, sourceLocation: sourceLocation)
  for (result, expected) in zip(results, expected) {
    let result = try #require(result)
    let isDouble = result.elementType == .float64
    let values =
      isDouble
      ? try result.array(as: Double.self) : try result.array(as: Float.self).map { Double($0) }
    #expect(values.count == expected.count, sourceLocation: sourceLocation)
    for (value, wanted) in zip(values, expected) {
      #expect(
        abs(value - wanted) <= (isDouble ? 1e-12 : 1e-6) * max(1, abs(wanted)),
        sourceLocation: sourceLocation)
    }
  }
}

@Suite struct TrainingOperatorTests {
  let rate = Tensor(0.1 as Float)
  let first = Tensor(0 as Int64)
  let adam: [Attribute] = [
    .float("norm_coefficient", 0.001), .float("alpha", 0.95), .float("beta", 0.1),
    .float("epsilon", 1e-7),
  ]
  let momentum: [Attribute] = [
    .float("norm_coefficient", 0.001), .float("alpha", 0.95), .float("beta", 0.1),
  ]

  // MARK: the standard's cases

  @Test func adagradScalesBySquaredGradients() throws {
    let y = try checkOperator(
      node(
        "Adagrad", inputs: 8, outputs: 4,
        [
          .float("norm_coefficient", 0.001), .float("epsilon", 1e-5), .float("decay_factor", 0.1),
        ]),
      [
        rate, first, vector(1), vector(1, 2), vector(-1), vector(-1, -3), vector(2), vector(4, 1),
      ], opset: 1)
    try expectClose(
      y, [[1.0576962], [1.0446854, 2.0948617], [2.998001], [4.998001, 9.988004]])
  }

  @Test func adamFollowsBothMoments() throws {
    let y = try checkOperator(
      node("Adam", inputs: 6, outputs: 3, adam),
      [rate, first, vector(1.2, 2.8), vector(-0.94, -2.5), vector(1.7, 3.6), vector(0.1, 0.1)],
      opset: 1)
    try expectClose(
      y, [[1.0250363, 2.6610327], [1.56806, 3.2951398], [0.8032108, 5.622407]])
  }

  @Test func momentumFollowsASumOfGradients() throws {
    let inputs = [rate, first, vector(1.2, 2.8), vector(-0.94, -2.5), vector(1.7, 3.6)]
    let y = try checkOperator(
      node("Momentum", inputs: 5, outputs: 2, momentum + [.string("mode", "standard")]), inputs,
      opset: 1)
    try expectClose(y, [[1.13238, 2.70772], [0.6762, 0.9228]])
    let nesterov = try checkOperator(
      node(
        "Momentum", inputs: 5, outputs: 2,
        [
          .float("norm_coefficient", 0.01), .float("alpha", 0.95), .float("beta", 1),
          .string("mode", "nesterov"),
        ]), inputs, opset: 1)
    try expectClose(nesterov, [[1.227535, 2.95714], [0.687, 0.948]])
  }

  // MARK: later steps, with values from the standard's reference evaluator

  private func later(_ type: String, _ attributes: [Attribute]) throws -> [Tensor?] {
    let states =
      switch type {
      case "Adam": [doubles(0.25, -1), doubles(1, 0.5)]
      case "Adagrad": [doubles(1, 0.5)]
      default: [doubles(0.25, -1)]
      }
    return try checkOperator(
      node(
        type, inputs: 4 + states.count, outputs: 1 + states.count,
        attributes + [.float("norm_coefficient", 0.5)]),
      [Tensor(0.1 as Double), Tensor(3 as Int64), doubles(1.5, -2), doubles(0.5, 0.25)] + states,
      opset: 1)
  }

  @Test func correctsAndDecaysAfterTheFirstStep() throws {
    try expectClose(
      try later(
        "Adam",
        [
          .float("norm_coefficient_post", 0.25), .float("alpha", 0.5), .float("beta", 0.75),
          .float("epsilon", 0.125),
        ]),
      [[1.0840282291871008, -1.4323592627601232], [0.75, -0.875], [1.140625, 0.515625]])
    try expectClose(
      try later("Adagrad", [.float("epsilon", 0.125), .float("decay_factor", 0.25)]),
      [[1.4586108730066059, -1.9629191748337638], [2.5625, 1.0625]])
    let rest: [Attribute] = [.float("alpha", 0.5), .float("beta", 0.75)]
    try expectClose(
      try later("Momentum", rest + [.string("mode", "standard")]),
      [[1.39375, -1.89375], [1.0625, -1.0625]])
    try expectClose(
      try later("Momentum", rest + [.string("mode", "nesterov")]),
      [[1.321875, -1.871875], [1.0625, -1.0625]])
  }

  @Test func makesOnlyTheOutputsThatAreWanted() throws {
    let inputs = [rate, first, vector(1.2, 2.8), vector(-0.94, -2.5), vector(1.7, 3.6)]
    var last = node("Momentum", inputs: 5, outputs: 2, momentum + [.string("mode", "standard")])
    last.outputs[0] = ""
    let y = try checkOperator(last, inputs, opset: 1)
    #expect(y[0] == nil)
    try expectClose([y[1]], [[0.6762, 0.9228]])
    let one = node("Momentum", inputs: 5, outputs: 1, momentum + [.string("mode", "standard")])
    try expectClose(try checkOperator(one, inputs, opset: 1), [[1.13238, 2.70772]])
  }

  // MARK: invalid inputs

  @Test func rejectsGroupsThatDoNotFit() throws {
    let x = vector(1, 2)
    let attributes = adam
    for bad: [Tensor] in [
      [rate, first, x], [rate, first, x, x, x], [rate, first, x, x, x, x, x],
      [rate, first, x, vector(1), x, x], [rate, first, x, x, x, doubles(1, 2)],
      [rate, rate, x, x, x, x], [x, first, x, x, x, x], [rate, int64s(), x, x, x, x],
      [rate, first, int64s(1), int64s(1), int64s(1), int64s(1)],
    ] {
      #expect(throws: OperatorError.self) {
        try checkOperator(
          node("Adam", inputs: bad.count, outputs: 1, attributes), bad, opset: 1)
      }
    }
  }

  @Test func rejectsAnUnknownOrMissingMode() throws {
    let x = vector(1)
    for bad in [momentum, momentum + [.string("mode", "fast")], [.string("mode", "standard")]] {
      #expect(throws: OperatorError.self) {
        try checkOperator(
          node("Momentum", inputs: 5, outputs: 2, bad), [rate, first, x, x, x], opset: 1)
      }
    }
  }
}
