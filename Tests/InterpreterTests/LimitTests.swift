import ONNX
import Testing

@testable import ONNXInterpreter

/// Excessive demands of small models are rejected, or left unresolved until a run.
@Suite struct LimitTests {
  /// A loop body whose state grows in every iteration, with a loop inside.
  private func growingBody(around inner: Graph?) -> Graph {
    var nodes = [Node("Identity", inputs: ["before"], outputs: ["after"])]
    if let inner {
      nodes.append(
        Node(
          "Loop", inputs: ["trips", "", "state"], outputs: ["grown"],
          attributes: [.graph("body", inner)]))
    }
    nodes.append(
      Node(
        "Concat", inputs: [inner == nil ? "state" : "grown", "x"], outputs: ["next"],
        attributes: [.int("axis", 0)]))
    return Graph(
      nodes: nodes, inputs: ["trip", "before", "state"].map { ValueInfo($0, nil) },
      outputs: ["after", "next"].map { ValueInfo($0, nil) })
  }

  @Test func deeplyNestedLoopsAreInferredSoon() throws {
    let depth = 24
    var body = growingBody(around: nil)
    for _ in 1..<depth { body = growingBody(around: body) }
    let model = Models.model(
      [
        Node(
          "Loop", inputs: ["trips", "", "x"], outputs: ["y"], attributes: [.graph("body", body)])
      ], inputs: [ValueInfo("x", .tensor(.float32, [1, 2]))],
      initializers: [NamedTensor("trips", Tensor(Int64(1)))])
    let y = try Session(model).run(["x": floats([1, 2], [1, 2])])["y"]
    #expect(y?.shape == [depth + 1, 2])
  }

  @Test func namesOfFunctionsThatExpandBeyondMeasureAreAnError() throws {
    let names = ["a"] + (1..<5_000).map { "v\($0)" } + ["b"]
    let function = Function(
      "F", domain: "my", inputs: ["a"], outputs: ["b"],
      nodes: zip(names, names.dropFirst()).map { Models.relu($0, $1) },
      operatorSets: [OperatorSetImport(version: 20)])
    func session(_ name: String) throws -> Session {
      var model = Models.model([
        Node("F", domain: "my", name: name, inputs: ["x"], outputs: ["y"])
      ])
      model.functions = [function]
      model.operatorSets.append(OperatorSetImport(domain: "my", version: 1))
      return try Session(model)
    }
    _ = try session("call")
    let error = #expect(throws: ModelError.self) {
      try session(String(repeating: "call", count: 1 << 18))
    }
    #expect(error?.description.contains("expanded functions take more than") == true)
  }

  @Test func sparseInitializersAreHeldAgainstTheLimit() throws {
    func session(_ rows: Int, limit: Int) throws -> Session {
      var model = Models.model([Node("Add", inputs: ["x", "w"], outputs: ["y"])])
      model.graph.sparseInitializers = [
        SparseTensor(
          values: NamedTensor("w", floats([1], [3])),
          indices: NamedTensor(nil, Tensor(shape: [1], [1] as [Int64])), shape: [rows, 2])
      ]
      var options = SessionOptions()
      options.memoryLimit = limit
      return try Session(model, options: options)
    }
    let x = floats([1, 2], [1, 2])
    #expect(try session(1, limit: 1 << 30).run(["x": x])["y"] == floats([1, 2], [1, 5]))
    #expect(throws: ModelError.self) { try session(1 << 24, limit: 1 << 26) }
  }

  @Test func valuesWithinValuesAreFoundAtOnce() {
    let count: Int32 = 50_000
    var placement = Placement(count: Int(count))
    for number in (0..<count - 1).reversed() { placement.put(number, in: number + 1, at: 64) }
    for number in 0..<count {
      let place = placement.place(number)
      #expect(place == (count - 1, 64 * Int(count - 1 - number)))
    }
  }

  @Test func inputsWithValuesOfTheirOwnAreToldApartAtOnce() throws {
    let names = (0..<20_000).map { "w\($0)" }
    var model = Models.model(
      [Models.relu("x", "y")], initializers: names.map { NamedTensor($0, Tensor(Int64(1))) })
    model.graph.inputs += names.map { ValueInfo($0, nil) }
    model.irVersion = 3
    #expect(try model.withConstantsComputed().graph.nodes.count == 1)
  }

  @Test func sizesBeyondAllMemoryAreAnError() throws {
    let shape = NamedTensor("shape", Tensor(shape: [1], [1 << 56] as [Int64]))
    let value = Attribute("value", .tensor(NamedTensor(nil, Tensor(shape: [1], [1] as [Int64]))))
    let parts = [String](repeating: "whole", count: 16)
    let model = Models.model(
      [
        Node("ConstantOfShape", inputs: ["shape"], outputs: ["whole"], attributes: [value]),
        Node("Concat", inputs: parts, outputs: ["joined"], attributes: [.int("axis", 0)]),
        Node("Neg", inputs: ["joined"], outputs: ["y"]),
      ], inputs: [], initializers: [shape])
    #expect(throws: ModelError.self) { try Session(model).run([:]) }
  }

  @Test func memoryIsCountedUpToTheLargestLimit() throws {
    var options = SessionOptions()
    options.memoryLimit = .max
    let run = Run(Engine(options))
    try run.reserve(bytes: 1 << 20)
    #expect(throws: OperatorError.self) { try run.reserve(bytes: .max) }
    try run.reserve(bytes: 1 << 20)
  }
}
