import ONNXFormat
import ONNXOperators

/// A graph made ready to plan: names resolved to numbers, nodes in order, operators made.
package final class Program: Sendable {
  /// A node whose operator is made.
  package struct Node: Sendable {
    /// The node's name, or `#` and its position.
    let name: String
    /// The node's place among the graph's nodes.
    package let position: Int
    let operatorType: String
    let body: any Operator
    /// The element types that the first input may have.
    let types: TypeSet
    /// The numbers of values; −1 for one left out.
    let inputs: [Int32]
    let outputs: [Int32]
    let subgraphs: [(attribute: String, program: Program, captures: [Int32])]

    func error(_ error: OperatorError) -> ModelError {
      .node(name: name, operatorType: operatorType, error)
    }
  }

  /// Every node behind those whose outputs it uses.
  package let nodes: [Node]
  /// The number of nodes, those of subgraphs included.
  let size: Int
  /// The name of every value, by number.
  package let names: [String]
  /// The numbers of the graph's inputs.
  package let inputs: [Int32]
  /// The declared type of each input.
  package let inputTypes: [ValueType?]
  let outputs: [Int32]
  /// The initializers, by number.
  let constants: [Int32: Value]
  /// Names that come from the graphs around this one, and their numbers here.
  let captureNames: [String]
  let captures: [Int32]
  let plans: PlanCache
  /// The initializers whose memory the program's one plan may give back; `nil` where it has none, or
  /// has several plans.
  let ownership: Ownership?

  /// Resolves the names of a graph and makes its operators.
  /// - Throws: `ModelError` for every error that no input could make right.
  package convenience init(
    _ graph: Graph, operatorSets: OperatorSets, engine: Engine
  ) throws(ModelError) {
    try self.init(graph, operatorSets: operatorSets, engine: engine, outer: nil)
  }

  /// - Parameters:
  ///   - outer: whether a graph around this one defines a name
  ///   - ownership: the initializers that only this program holds
  /// - Throws: `ModelError` for every error that no input could make right.
  init(
    _ graph: Graph, operatorSets: OperatorSets, engine: Engine,
    outer: ((String) -> Bool)? = nil, ownership: Ownership? = nil
  ) throws(ModelError) {
    var table = NameTable()
    let initializers = Set(graph.initializers.compactMap(\.name))
      .union(graph.sparseInitializers.compactMap(\.values.name))

    var inputs: [Int32] = []
    var types: [ValueType?] = []
    for input in graph.inputs {
      guard !input.name.isEmpty else { throw .graph("an input has no name") }
      if initializers.contains(input.name) { continue }
      inputs.append(try table.define(input.name, "input"))
      types.append(input.type)
    }
    var constants: [Int32: Value] = [:]
    for initializer in graph.initializers {
      guard let name = initializer.name, !name.isEmpty else {
        throw .graph("an initializer has no name")
      }
      constants[try table.define(name, "initializer")] = .tensor(initializer.tensor)
    }
    let run = Run(engine, seed: 0)
    for initializer in graph.sparseInitializers {
      guard let name = initializer.values.name, !name.isEmpty else {
        throw .graph("a sparse initializer has no name")
      }
      let dense: Tensor
      do {
        let type = TensorType(initializer.values.tensor.elementType, initializer.shape)
        try run.reserve(bytes: type.byteCount ?? .max)
        dense = try initializer.dense()
      } catch {
        throw .graph("sparse initializer \(name.quoted): \(error)")
      }
      constants[try table.define(name, "sparse initializer")] = .tensor(dense)
    }

    for node in graph.nodes {
      for output in node.outputs where !output.isEmpty {
        _ = try table.define(output, "output of a node")
      }
    }
    var captureNames: [String] = []
    var captures: [Int32] = []
    /// The number of a value of this graph or one around it; `nil` for an unknown name.
    func number(of name: String) -> Int32? {
      if let number = table.numbers[name] { return number }
      guard let outer, outer(name) else { return nil }
      let number = table.add(name)
      captureNames.append(name)
      captures.append(number)
      return number
    }

    var nodes: [Node] = []
    nodes.reserveCapacity(graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      let label = node.label(at: index)
      func fail(_ error: OperatorError) -> ModelError {
        .node(name: label, operatorType: node.operatorType, error)
      }
      var numbers: [Int32] = []
      for (position, name) in node.inputs.enumerated() {
        if name.isEmpty {
          numbers.append(-1)
        } else if let number = number(of: name) {
          numbers.append(number)
        } else {
          throw fail(.input(position, "the graph has no value named \(name.quoted)"))
        }
      }
      let version = try operatorSets.version(for: node, fail)
      let made: (operator: any Operator, types: TypeSet)
      do { made = try engine.registry.make(node, operatorSet: version) } catch {
        guard case .unknownOperator = error else { throw fail(error) }
        throw unknownOperators(in: graph, operatorSets, engine.registry, first: fail(error))
      }
      let schema = type(of: made.operator).schema
      numbers.removeLast(schema.inputs.absentNames(at: node.inputs))
      var subgraphs: [(attribute: String, program: Program, captures: [Int32])] = []
      for attribute in node.attributes {
        guard case .graph(let body) = attribute.value else { continue }
        let program = try Program(
          body, operatorSets: operatorSets, engine: engine,
          outer: { table.numbers[$0] != nil || outer?($0) == true })
        // Every captured name is defined here or further out, so `compactMap` drops none.
        subgraphs.append(
          (attribute.name, program, program.captureNames.compactMap { number(of: $0) }))
      }
      // Outputs that the operator always makes get a number, named or not.
      let required = schema.outputs.lowerBound
      var outputs: [Int32] = []
      for (position, name) in node.outputs.enumerated() {
        if name.isEmpty {
          outputs.append(position < required ? table.addUnnamed() : -1)
        } else {
          outputs.append(table.numbers[name] ?? -1)
        }
      }
      nodes.append(
        Node(
          name: label, position: index, operatorType: node.operatorType, body: made.operator,
          types: made.types, inputs: numbers, outputs: outputs, subgraphs: subgraphs))
    }

    var outputs: [Int32] = []
    for output in graph.outputs {
      guard let number = number(of: output.name) else {
        throw .graph("output \(output.name.quoted): the graph has no value of this name")
      }
      outputs.append(number)
    }

    self.size = nodes.reduce(nodes.count) { $0 + $1.subgraphs.reduce(0) { $0 + $1.program.size } }
    self.nodes = try sorted(nodes, valueCount: table.names.count)
    self.names = table.names
    self.inputs = inputs
    self.inputTypes = types
    self.outputs = outputs
    self.constants = constants
    self.captureNames = captureNames
    self.captures = captures
    // Inputs of another shape would need another plan, and that plan the constants.
    self.ownership =
      outer == nil && types.allSatisfy { $0?.isFixed == true } ? ownership : nil
    self.plans = PlanCache(limit: engine.options.maxPlans)
  }

  /// A program with the inputs of another one.
  init(
    _ other: Program, nodes: [Node], names: [String], outputs: [Int32], constants: [Int32: Value]
  ) {
    self.nodes = nodes
    self.size = nodes.reduce(nodes.count) { $0 + $1.subgraphs.reduce(0) { $0 + $1.program.size } }
    self.names = names
    self.inputs = other.inputs
    self.inputTypes = other.inputTypes
    self.outputs = outputs
    self.constants = constants
    self.captureNames = other.captureNames
    self.captures = other.captures
    self.ownership = nil
    self.plans = PlanCache(limit: 1)
  }
}

/// The names of a graph and their numbers.
private struct NameTable {
  var numbers: [String: Int32] = [:]
  var names: [String] = []

  mutating func add(_ name: String) -> Int32 {
    let number = addUnnamed()
    numbers[name] = number
    names[Int(number)] = name
    return number
  }

  mutating func addUnnamed() -> Int32 {
    names.append("")
    return Int32(names.count - 1)
  }

  /// - Parameter what: the kind of value, for the error
  mutating func define(_ name: String, _ what: String) throws(ModelError) -> Int32 {
    guard numbers[name] == nil else {
      throw .graph("\(what) \(name.quoted): the graph defines this name twice")
    }
    return add(name)
  }
}

/// The nodes in an order where each stands behind those whose outputs it uses; otherwise the order stays.
private func sorted(_ nodes: [Program.Node], valueCount: Int) throws(ModelError) -> [Program.Node] {
  var producer = [Int32](repeating: -1, count: valueCount)
  for (index, node) in nodes.enumerated() {
    for output in node.outputs where output >= 0 { producer[Int(output)] = Int32(index) }
  }
  func sources(_ node: Program.Node) -> [Int32] {
    (node.inputs + node.subgraphs.flatMap(\.captures)).compactMap {
      $0 >= 0 && producer[Int($0)] >= 0 ? producer[Int($0)] : nil
    }
  }
  let inOrder = nodes.enumerated().allSatisfy { index, node in
    sources(node).allSatisfy { $0 < index }
  }
  if inOrder { return nodes }

  var waiting = [Int](repeating: 0, count: nodes.count)
  var users = [[Int32]](repeating: [], count: nodes.count)
  for (index, node) in nodes.enumerated() {
    for source in sources(node) {
      users[Int(source)].append(Int32(index))
      waiting[index] += 1
    }
  }
  var ready = nodes.indices.filter { waiting[$0] == 0 }
  var result: [Program.Node] = []
  var next = 0
  while next < ready.count {
    let index = ready[next]
    next += 1
    result.append(nodes[index])
    for user in users[index] {
      waiting[Int(user)] -= 1
      if waiting[Int(user)] == 0 { ready.append(Int(user)) }
    }
  }
  guard result.count == nodes.count else {
    let stuck = nodes.indices.first { waiting[$0] > 0 } ?? 0
    throw nodes[stuck].error(.invalid("the graph has a cycle: the node depends on its own output"))
  }
  return result
}
