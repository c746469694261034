import ONNX
import Testing

/// Joined and split values share one block of the arena, and every value stays correct.
@Suite struct JoinTests {
  private let x = floats([1, 2, 16], (0..<32).map { Float($0) - 15.5 })

  private func node(_ type: String, _ inputs: [String], _ outputs: [String]) -> Node {
    let hasAxis = type == "Concat" || type == "Split"
    return Node(
      type, inputs: inputs, outputs: outputs, attributes: hasAxis ? [.int("axis", 1)] : [])
  }

  /// Compares outputs with a run in which every value is an output, so that nothing is shared.
  /// - Returns: the size of the arena in bytes
  @discardableResult
  private func check(
    _ nodes: [Node], outputs: [String] = ["y"], _ x: Tensor? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Int {
    let x = x ?? self.x
    let inputs = [ValueInfo("x", .tensor(.float32, x.shape))]
    var options = SessionOptions()
    options.passes = []
    let all = nodes.flatMap(\.outputs)
    let plain = try Session(
      Models.model(nodes, inputs: inputs, outputs: all), options: options
    ).run(["x": x])
    let session = try Session(
      Models.model(nodes, inputs: inputs, outputs: outputs), options: options)
    let results = try session.run(["x": x])
    for name in outputs {
      #expect(results[name] == plain[name], "\(name)", sourceLocation: sourceLocation)
    }
    return try session.bind(inputs: ["x": x]).arenaBytes
  }

  private let block = 2 * 16 * 4

  @Test func inputsAreMadeInTheirPlace() throws {
    let bytes = try check([
      node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]), node("Concat", ["a", "b"], ["c"]),
      node("Neg", ["c"], ["y"]),
    ])
    #expect(bytes == 2 * block)
  }

  @Test func whatJoinsIsJoinedAgain() throws {
    let bytes = try check([
      node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]), node("Concat", ["a", "b"], ["c"]),
      node("Neg", ["a"], ["d"]), node("Concat", ["c", "d"], ["e"]),
      node("Exp", ["a"], ["f"]), node("Concat", ["f", "e"], ["g"]), node("Neg", ["g"], ["y"]),
    ])
    #expect(bytes == 4 * block)
  }

  @Test func aLongerListHoldsAShorterOne() throws {
    let bytes = try check(
      [
        node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]), node("Concat", ["a", "b"], ["c"]),
        node("Neg", ["c"], ["y"]), node("Exp", ["x"], ["d"]),
        node("Concat", ["a", "b", "d"], ["e"]), node("Neg", ["e"], ["z"]),
      ], outputs: ["y", "z"])
    #expect(bytes == 3 * block)
  }

  @Test func valuesUsedElsewhereStayWhole() throws {
    // The last users of `a` and `b` would overwrite them if they were not part of `c`.
    try check(
      [
        node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]), node("Exp", ["a"], ["d"]),
        node("Concat", ["a", "b"], ["c"]), node("Neg", ["a"], ["e"]), node("Neg", ["b"], ["f"]),
        node("Add", ["e", "f"], ["g"]), node("Add", ["g", "d"], ["z"]), node("Neg", ["c"], ["y"]),
      ], outputs: ["y", "z"])
  }

  @Test func aValueMayJoinItself() throws {
    try check([
      node("Neg", ["x"], ["a"]), node("Concat", ["a", "a"], ["c"]), node("Neg", ["c"], ["y"]),
    ])
  }

  @Test func aValueMayJoinTwice() throws {
    try check(
      [
        node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]), node("Concat", ["a", "b"], ["c"]),
        node("Concat", ["b", "a"], ["d"]), node("Neg", ["c"], ["y"]), node("Neg", ["d"], ["z"]),
      ], outputs: ["y", "z"])
  }

  @Test func outputsAndInputsOfTheModelAreCopied() throws {
    try check(
      [
        node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]),
        node("Concat", ["a", "x", "b"], ["c"]), node("Neg", ["c"], ["y"]),
      ], outputs: ["a", "y"])
    try check([node("Neg", ["x"], ["a"]), node("Concat", ["a", "x"], ["y"])])
  }

  @Test func batchesAndOddSizesAreCopied() throws {
    let nodes = [
      node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]), node("Concat", ["a", "b"], ["c"]),
      node("Split", ["c"], ["d", "e"]), node("Add", ["d", "e"], ["y"]),
    ]
    for shape in [[2, 2, 16], [1, 3, 5], [1, 0, 16], [2, 1, 3]] {
      try check(nodes, floats(shape, (0..<shape.reduce(1, *)).map(Float.init)))
    }
  }

  @Test func piecesAreViewsThatNobodyOverwrites() throws {
    let cut = [
      node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]), node("Concat", ["a", "b"], ["c"]),
      node("Split", ["c"], ["d", "e"]),
    ]
    let bytes = try check(cut + [node("Add", ["d", "e"], ["y"])])
    #expect(bytes == 2 * block)
    // The last user of `d` could overwrite it while `e` and `c` are still needed.
    try check(
      cut + [
        node("Neg", ["d"], ["f"]), node("Neg", ["e"], ["g"]), node("Concat", ["g", "f"], ["h"]),
        node("Concat", ["c", "h", "e"], ["y"]),
      ])
    try check(cut + [node("Exp", ["d"], ["f"]), node("Add", ["f", "e"], ["y"])], outputs: ["y"])
    try check(cut + [node("Neg", ["d"], ["y"])], outputs: ["y", "e"])
  }

  @Test func piecesJoinAgain() throws {
    let cut = [node("Neg", ["x"], ["a"]), node("Split", ["a"], ["b", "c"])]
    let bytes = try check(cut + [node("Concat", ["b", "c"], ["d"]), node("Neg", ["d"], ["y"])])
    #expect(bytes == block)
    try check(cut + [node("Concat", ["c", "b"], ["d"]), node("Neg", ["d"], ["y"])])
    try check(
      cut + [
        node("Concat", ["b", "c"], ["d"]), node("Abs", ["x"], ["e"]),
        node("Concat", ["e", "d", "a"], ["f"]), node("Neg", ["f"], ["y"]),
      ])
  }

  @Test func valuesThatMayBeKeptAreNoParts() throws {
    // A sequence keeps its elements.
    try check([
      node("Neg", ["x"], ["a"]), node("Abs", ["x"], ["b"]), node("Concat", ["a", "b"], ["c"]),
      node("Split", ["c"], ["d", "e"]), node("SequenceConstruct", ["a", "e"], ["s"]),
      Node("ConcatFromSequence", inputs: ["s"], outputs: ["f"], attributes: [.int("axis", 1)]),
      node("Add", ["f", "c"], ["y"]),
    ])
  }
}

/// Unused outputs are not computed.
@Suite struct UnusedOutputTests {
  private func arenaBytes(_ passes: [any Pass], uses mask: Bool) throws -> Int {
    let model = Models.model(
      [
        Models.relu("x", "a"), Node("Dropout", inputs: ["a"], outputs: ["b", "m"]),
        Node(mask ? "Mul" : "Neg", inputs: mask ? ["b", "m"] : ["b"], outputs: ["y"]),
      ], opset: 9)
    var options = SessionOptions()
    options.passes = passes
    let session = try Session(model, options: options)
    let x = floats([8, 2], (0..<16).map { Float($0) - 8 })
    let sign: Float = mask ? 1 : -1
    #expect(
      try session.run(["x": x])["y"]
        == floats([8, 2], (0..<16).map { max(Float($0) - 8, 0) * sign }))
    return try session.bind(inputs: ["x": x]).arenaBytes
  }

  @Test func aMaskIsMadeWhereItIsUsed() throws {
    #expect(try arenaBytes([.unusedOutputs], uses: false) == 64)
    #expect(try arenaBytes([.unusedOutputs], uses: true) > 64)
  }

  @Test func theNumberOfOutputsKeepsItsMeaning() throws {
    // Before version 14, several outputs mean training mode, with the statistics of the batch.
    let model = Models.model(
      [
        Node(
          "BatchNormalization", inputs: ["x", "one", "zero", "zero", "one"],
          outputs: ["y", "m", "v", "sm", "sv"])
      ],
      initializers: [
        NamedTensor("one", floats([2], [1, 1])), NamedTensor("zero", floats([2], [0, 0])),
      ], opset: 9)
    let y = try Session(model).run(["x": floats([2, 2], [1, 10, 3, 20])])["y"]
    let values = try #require(try y?.array(as: Float.self))
    #expect(zip(values, [-1, -1, 1, 1]).allSatisfy { abs($0 - $1) < 1e-4 })
  }
}
