import ONNX
import Testing

/// Transposes around elementwise nodes.
@Suite struct LayoutTests {
  private let last = [Attribute.ints("perm", [0, 2, 3, 1])]
  private let first = [Attribute.ints("perm", [0, 3, 1, 2])]

  private func transpose(_ input: String, _ output: String, _ order: [Attribute]) -> Node {
    Node("Transpose", inputs: [input], outputs: [output], attributes: order)
  }

  private func values(_ shape: [Int]) -> Tensor {
    floats(shape, (0..<shape.reduce(1, *)).map { Float($0 * 7 % 11) - 5 })
  }

  /// Runs a model with and without the pass, and returns the operators of its plan.
  private func operators(_ nodes: [Node], outputs: [String] = ["y"]) throws -> [String] {
    let model = Models.model(
      nodes, inputs: [ValueInfo("x", .tensor(.float32, [2, 3, 4, 5]))], outputs: outputs,
      initializers: [
        NamedTensor("w", values([3, 3, 1, 1])), NamedTensor("c", values([3])),
        NamedTensor("s", floats([], [2])), NamedTensor("map", values([4, 5, 3])),
      ])
    var options = SessionOptions()
    options.passes.remove(.layouts)
    let expected = try Session(model, options: options).run(["x": values([2, 3, 4, 5])])
    let session = try Session(model)
    #expect(try session.run(["x": values([2, 3, 4, 5])]) == expected)
    return try session.describePlan().steps.map(\.operatorType)
  }

  @Test func elementwiseNodesBetweenInverseTransposesKeepChannelsFirst() throws {
    let nodes = [
      Node("Conv", inputs: ["x", "w"], outputs: ["a"]), transpose("a", "b", last),
      Node("Cast", inputs: ["b"], outputs: ["b2"], attributes: [.int("to", 1)]),
      Node("Add", inputs: ["b2", "c"], outputs: ["d"]),
      Node("Mul", inputs: ["s", "d"], outputs: ["e"]), Models.relu("e", "f"),
      transpose("f", "g", first), Node("Conv", inputs: ["g", "w"], outputs: ["y"]),
    ]
    #expect(try operators(nodes) == ["FusedConv", "Conv"])
  }

  @Test func newValuesTakeNoNameOfTheModel() throws {
    let nodes = [
      Node("Conv", inputs: ["x", "w"], outputs: ["d (channels first)"]),
      transpose("d (channels first)", "b", last),
      Node("Add", inputs: ["b", "c"], outputs: ["d"]), Models.relu("d", "f"),
      transpose("f", "g", first), Node("Sub", inputs: ["g", "d (channels first)"], outputs: ["y"]),
    ]
    #expect(try !operators(nodes).contains("Transpose"))
  }

  @Test func bothOperandsOfASumMayBeTransposed() throws {
    let nodes = [
      transpose("x", "a", last), Node("Conv", inputs: ["x", "w"], outputs: ["b"]),
      transpose("b", "c1", last), Node("Add", inputs: ["a", "c1"], outputs: ["d"]),
      Models.relu("d", "e"), transpose("e", "y1", first),
      Node("Neg", inputs: ["y1"], outputs: ["y"]),
    ]
    #expect(try !operators(nodes).contains("Transpose"))
  }

  @Test func aValueThatIsNeededWithChannelsLastIsTransposedAfterTheActivation() throws {
    let nodes = [
      Node("Conv", inputs: ["x", "w"], outputs: ["a"]), transpose("a", "b", last),
      Node("Add", inputs: ["b", "c"], outputs: ["d"]), Models.relu("d", "y"),
    ]
    #expect(try operators(nodes) == ["FusedConv", "Transpose"])
  }

  @Test func nothingChangesWhereNoTransposeIsSaved() throws {
    let nodes = [
      transpose("x", "a", last), Node("Add", inputs: ["a", "c"], outputs: ["b"]),
      Node("Softmax", inputs: ["b"], outputs: ["y"]),
    ]
    #expect(try operators(nodes) == ["Transpose", "Add", "Softmax"])
    // The constant cannot be turned by a change of its shape.
    let other = [
      transpose("x", "a", last), Node("Add", inputs: ["a", "map"], outputs: ["b"]),
      transpose("b", "y", first),
    ]
    #expect(try operators(other) == ["Transpose", "Add", "Transpose"])
  }

  @Test func outputsOfTheModelKeepTheirLayout() throws {
    let nodes = [
      transpose("x", "a", last), Models.relu("a", "y"), transpose("y", "b", first),
      Node("Neg", inputs: ["b"], outputs: ["z"]),
    ]
    _ = try operators(nodes, outputs: ["y", "z"])
    _ = try operators(
      [transpose("x", "y", last), transpose("y", "z", first)], outputs: ["y", "z"])
  }
}
