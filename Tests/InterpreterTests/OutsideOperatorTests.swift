import ONNX
import ONNXOperators
import Testing

/// `y = x + 1` under the name of a standard operator, as of operator set 22.
private struct Successor: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Sin", [22: .floats], inputs: 1...1)
  static let derivativeSource = DerivativeSource.input
  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x + 1 }
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 }
}

/// `y = factor · x` in a domain of its own, under the name of a standard operator.
private struct Scaled: DifferentiableElementwise, ChainedOperator {
  static let schema = Schema("Sin", domain: "com.acme", [1: .floats, 3: .floats], inputs: 1...1)
  static let derivativeSource = DerivativeSource.input
  let factor: Float
  let version: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    factor = try node.float("factor", default: 2)
    version = node.version
  }
  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { T(factor) * x + T(version) }
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { T(factor) }
}

/// Operators of other packages beside those of this one, and in their place.
@Suite struct OutsideOperatorTests {
  private let x = floats([2, 2], [-1, 0, 1, 2])

  private func node(_ type: String, _ input: String, _ output: String, domain: String? = nil)
    -> Node
  {
    Node(type, domain: domain, inputs: [input], outputs: [output])
  }

  private func model(_ nodes: [Node], opset: Int64 = 22, acme: Int64? = nil) -> Model {
    var model = Models.model(nodes, opset: opset)
    if let acme {
      model.operatorSets.append(OperatorSetImport(domain: "com.acme", version: acme))
    }
    return model
  }

  private var options: SessionOptions {
    var options = SessionOptions()
    options.operators = [Successor.self, Scaled.self]
    return options
  }

  private func run(_ model: Model, passes: [any Pass]? = nil) throws -> [Float] {
    var options = options
    if let passes { options.passes = passes }
    let outputs = try Session(model, options: options).run(["x": x])
    return try #require(try outputs["y"]?.array(as: Float.self))
  }

  private func error(_ model: Model) -> String? {
    do {
      _ = try Session(model)
      return nil
    } catch { return "\(error)" }
  }

  @Test func anOperatorTakesThePlaceOfTheStandardsOwn() throws {
    #expect(try run(model([node("Sin", "x", "y")])) == [0, 1, 2, 3])
    // Operator set 20 has the operator's version 7.
    #expect(try run(model([node("Sin", "x", "y")], opset: 20))[1] == 0)
  }

  @Test func domainsHaveOperatorsOfOneName() throws {
    let nodes = [node("Sin", "x", "a"), node("Sin", "a", "y", domain: "com.acme")]
    #expect(try run(model(nodes, acme: 1)) == [1, 3, 5, 7])
    #expect(try run(model(nodes, acme: 4)) == [3, 5, 7, 9])
  }

  @Test func gradientsOfOneNameStayApart() throws {
    let nodes = [
      node("Sin", "x", "a"), node("Sin", "a", "b", domain: "com.acme"),
      Node("ReduceSum", inputs: ["b"], outputs: ["y"]),
    ]
    var changed = model(nodes, acme: 1)
    var differentiation = try Differentiation(changed, options: options)
    let name = try #require(try differentiation.gradients(of: "y", by: ["x"])["x"])
    changed.graph = differentiation.graph
    changed.graph.outputs = [ValueInfo(name, nil)]
    let gradient = try Session(changed, options: options).run(["x": x])[name]
    #expect(gradient == floats([2, 2], [2, 2, 2, 2]))
  }

  @Test func chainsKeepDomainsVersionsAndAttributes() throws {
    var scaled = node("Sin", "a", "b", domain: "com.acme")
    scaled.attributes = [.float("factor", 3)]
    let chained = model(
      [
        node("Neg", "x", "a"), scaled, node("Sin", "b", "c", domain: "com.acme"),
        Node("Add", inputs: ["c", "x"], outputs: ["y"]),
      ], acme: 3)
    let plan = try Session(chained, options: options).describePlan()
    #expect(plan.steps.map(\.operatorType) == ["ElementwiseChain"])
    let plain = try run(chained, passes: [])
    #expect(plain == [14, 9, 4, -1])
    #expect(try run(chained) == plain)
  }

  @Test func missingOperatorsAreAllNamed() {
    let hint = "; the session needs the types of such operators in SessionOptions.operators"
    #expect(
      error(model([node("Swirl", "x", "y", domain: "com.acme")], acme: 2))
        == "node '#0' (Swirl): no operator 'Swirl' in domain 'com.acme' at version 2" + hint)
    let branch = Graph(
      nodes: [node("Inner", "x", "inner", domain: "com.acme")],
      outputs: [ValueInfo("inner", nil)])
    let choice = Node(
      "If", inputs: ["b"], outputs: ["y"],
      attributes: [.graph("then_branch", branch), .graph("else_branch", branch)])
    #expect(
      error(
        model(
          [
            node("Swirl", "x", "a", domain: "com.acme"), node("Sni", "a", "b"),
            node("Swirl", "b", "c", domain: "com.acme"), choice,
          ], acme: 2))
        == "no operator 'Swirl' in domain 'com.acme' at version 2 (2 nodes), "
        + "'Inner' in domain 'com.acme' at version 2 (2 nodes), "
        + "'Sni' in domain 'ai.onnx' at version 22 (1 node)" + hint)
    #expect(
      error(model([node("Swirl", "x", "y", domain: "com.acme")]))
        == "node '#0' (Swirl): the model does not import the domain 'com.acme'")
  }

  @Test func modelsImportTheDomainsThatTheyUse() throws {
    let m = ModelBuilder(operators: [Scaled.self])
    let input = try m.input("x", ["N", 2])
    try m.output("y", m.node("Sin", [input], [.float("factor", 5)], domain: "com.acme"))
    let built = try m.model(name: "scaled")
    #expect(built.operatorSets.map(\.domain) == ["", "com.acme"])
    #expect(built.operatorSets.map(\.version) == [20, 3])
    #expect(try run(built) == [-2, 3, 8, 13])
    #expect(throws: ModelError.self) {
      let m = ModelBuilder()
      _ = try m.node("Sin", [m.input("x", ["N", 2])], domain: "com.acme")
    }
  }

  @Test func domainsOfFunctionsAreImportedWhenTheyAreExpanded() throws {
    var calling = model([Node("Twice", domain: "com.calls", inputs: ["x"], outputs: ["y"])])
    calling.operatorSets.append(OperatorSetImport(domain: "com.calls", version: 1))
    calling.functions = [
      Function(
        "Twice", domain: "com.calls", inputs: ["a"], outputs: ["b"],
        nodes: [node("Sin", "a", "b", domain: "com.acme")],
        operatorSets: [OperatorSetImport(domain: "com.acme", version: 1)])
    ]
    let expanded = try calling.withoutFunctions()
    #expect(expanded.operatorSets.contains { $0.domain == "com.acme" && $0.version == 1 })
    #expect(try run(expanded) == run(calling))
  }
}
