import ONNX
import Testing

/// Every error in a graph is reported before it runs.
@Suite struct CheckTests {
  func error(_ model: Model) -> String? {
    do {
      _ = try Session(model)
      return nil
    } catch { return "\(error)" }
  }

  @Test func danglingNames() {
    #expect(
      error(Models.model([Models.relu("q", "y")]))
        == "node '#0' (Relu): input 0: the graph has no value named 'q'")
    #expect(
      error(Models.model([Models.relu("x", "z")]))
        == "output 'y': the graph has no value of this name")
  }

  @Test func duplicateNames() {
    #expect(
      error(Models.model([Models.relu("x", "y"), Models.relu("x", "y")]))
        == "output of a node 'y': the graph defines this name twice")
    #expect(error(Models.model([Models.relu("x", "x")], outputs: ["x"]))?.contains("twice") == true)
  }

  @Test func cycles() {
    #expect(
      error(Models.model([Models.relu("b", "a"), Models.relu("a", "b"), Models.relu("x", "y")]))
        == "node '#0' (Relu): the graph has a cycle: the node depends on its own output")
  }

  @Test func nodesInAnyOrderRun() throws {
    let session = try Session(Models.model([Models.relu("a", "y"), Models.relu("x", "a")]))
    #expect(try session.run(["x": floats([1, 2], [-1, 1])])["y"] == floats([1, 2], [0, 1]))
  }

  @Test func unknownOperatorsDomainsAndOperatorSets() {
    #expect(
      error(Models.model([Node("Rleu", name: "n", inputs: ["x"], outputs: ["y"])], opset: 13))
        == "node 'n' (Rleu): no operator 'Rleu' in domain 'ai.onnx' at version 13")
    #expect(
      error(Models.model([Node("Relu", domain: "com.example", inputs: ["x"], outputs: ["y"])]))
        == "node '#0' (Relu): the model does not import the domain 'com.example'")
    #expect(
      error(Models.model([Models.relu("x", "y")], opset: 29))?.contains("newest supported is")
        == true)
    #expect(error(Models.model([Models.relu("x", "y")], opset: 0)) != nil)
  }

  @Test func unknownAttributesAndWrongCounts() {
    var node = Models.relu("x", "y")
    node.attributes = [.int("axis", 1)]
    #expect(error(Models.model([node])) == "node '#0' (Relu): unknown attribute 'axis'")
    node.attributes = []
    node.inputs = ["x", "x"]
    #expect(error(Models.model([node])) == "node '#0' (Relu): expected 1 inputs, got 2")
  }

  @Test func wrongElementTypes() {
    let model = Models.model(
      [Models.relu("x", "y")], inputs: [ValueInfo("x", .tensor(.string, [2]))])
    #expect(error(model)?.hasPrefix("node '#0' (Relu): input 0: expected one of float32") == true)
  }

  @Test func namesWithControlCharactersAreEscaped() {
    let message = error(Models.model([Models.relu("a\u{1B}[2J\n", "y")]))
    #expect(
      message == "node '#0' (Relu): input 0: the graph has no value named 'a\\u{1b}[2J\\u{a}'")
  }

  @Test func memoryBeyondTheLimit() throws {
    var options = SessionOptions()
    options.memoryLimit = 1000
    let session = try Session(Models.chain(3), options: options)
    _ = try session.run(["x": floats([2, 2], [1, 2, 3, 4])])
    #expect(throws: ModelError.self) {
      try session.run(["x": floats([500, 2], Array(repeating: 1, count: 1000))])
    }
  }

  @Test func shapesThatNoTensorCanHave() throws {
    // Empty, but with strides that overflow.
    let target = NamedTensor("s", Tensor(shape: [3], [0, .max, 2] as [Int64]))
    let model = Models.model(
      [Node("Expand", inputs: ["x", "s"], outputs: ["y"])],
      inputs: [ValueInfo("x", .tensor(.float32, [1]))], initializers: [target])
    #expect(
      error(model)
        == "node '#0' (Expand): output 0: no tensor has shape [0, 9223372036854775807, 2]")
  }
}
