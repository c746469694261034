import ONNX
import Testing

@Suite struct FunctionTests {
  func model(_ functions: [Function], call: String = "F") -> Model {
    var model = Models.model([Node(call, domain: "my", name: "call", inputs: ["x"], outputs: ["y"])]
    )
    model.functions = functions
    model.operatorSets.append(OperatorSetImport(domain: "my", version: 1))
    return model
  }
  func function(_ name: String, _ nodes: [Node]) -> Function {
    Function(
      name, domain: "my", inputs: ["a"], outputs: ["b"], nodes: nodes,
      operatorSets: [OperatorSetImport(version: 20), OperatorSetImport(domain: "my", version: 1)])
  }
  func call(_ name: String, _ input: String, _ output: String) -> Node {
    Node(name, domain: "my", inputs: [input], outputs: [output])
  }

  @Test func aCallIsReplacedByTheFunctionsNodes() throws {
    let inner = function("G", [Models.relu("a", "t"), Models.relu("t", "b")])
    let outer = function("F", [call("G", "a", "t"), call("G", "t", "b")])
    let session = try Session(model([inner, outer]))
    #expect(try session.run(["x": floats([1, 2], [-1, 1])])["y"] == floats([1, 2], [0, 1]))
  }

  @Test func attributesAreHandedOn() throws {
    var reshape = Node("Reshape", inputs: ["a", "s"], outputs: ["b"])
    reshape.attributes = [Attribute("allowzero", .reference(name: "zero", type: 2))]
    var f = Function(
      "F", domain: "my", inputs: ["a", "s"], outputs: ["b"], nodes: [reshape],
      operatorSets: [OperatorSetImport(version: 20)])
    f.attributes = ["zero"]
    func run(_ attributes: [Attribute]) throws -> Tensor? {
      var model = Models.model(
        [Node("F", domain: "my", inputs: ["x", "s"], outputs: ["y"], attributes: attributes)],
        initializers: [NamedTensor("s", Tensor(shape: [2], [0, 2] as [Int64]))])
      model.functions = [f]
      return try Session(model).run(["x": floats([3, 2], [1, 2, 3, 4, 5, 6])])["y"]
    }
    #expect(try run([])?.shape == [3, 2])
    #expect(try run([.int("zero", 0)])?.shape == [3, 2])
    #expect(throws: ModelError.self) { try run([.int("zero", 1)]) }
    #expect(throws: ModelError.self) { try run([.int("one", 1)]) }
  }

  @Test func aFunctionThatCallsItselfIsAnError() {
    let f = function("F", [call("G", "a", "b")])
    let g = function("G", [call("F", "a", "b")])
    #expect(throws: ModelError.self) { try Session(model([f, g])) }
    #expect(throws: ModelError.graph("function 'F' calls itself")) {
      try Session(model([function("F", [call("F", "a", "b")])]))
    }
  }

  @Test func functionsThatExpandExponentiallyAreAnError() {
    var functions = [function("F0", [Models.relu("a", "b")])]
    for level in 1...60 {
      functions.append(
        function("F\(level)", [call("F\(level - 1)", "a", "t"), call("F\(level - 1)", "t", "b")]))
    }
    #expect(throws: ModelError.self) { try Session(model(functions, call: "F60")) }
  }

  @Test func aLongChainOfCallsIsAnErrorNotACrash() {
    var functions = [function("F0", [Models.relu("a", "b")])]
    for level in 1...20_000 {
      functions.append(function("F\(level)", [call("F\(level - 1)", "a", "b")]))
    }
    #expect(throws: ModelError.self) { try Session(model(functions, call: "F20000")) }
  }
}
