import ONNXFormat
import ONNXOperators
import ONNXOps

/// A graph made ready to plan: names resolved to numbers, nodes in order, operators made.
final class Program: Sendable {
  struct Node: Sendable {
    /// The node's name, or `#` and its position.
    let name: String
    /// Where the node stands in the graph.
    let position: Int
    let operatorType: String
    let body: any Operator
    /// Element types the first input may have.
    let types: TypeSet
    /// Values by number; −1 for one left out.
    let inputs: [Int32]
    let outputs: [Int32]
    let subgraphs: [(attribute: String, program: Program, captures: [Int32])]

    func error(_ error: OperatorError) -> ModelError {
      .node(name: name, operatorType: operatorType, error)
    }
  }

  let nodes: [Node]
  /// How many nodes there are, those of subgraphs included.
  let size: Int
  /// The name of every value, by number.
  let names: [String]
  let inputs: [Int32]
  let inputTypes: [ValueType?]
  let outputs: [Int32]
  /// Initializers, by number.
  let constants: [Int32: Value]
  /// Names taken from the graphs around this one, and their numbers here.
  let captureNames: [String]
  let captures: [Int32]
  let plans: PlanCache
  /// Whether its one plan may give the memory of initializers back: nobody else reads them.
  let ownsConstants: Bool

  /// - Parameters:
  ///   - outer: whether a graph around this one defines a name
  ///   - ownsInitializers: whether nobody but this program reads the initializers
  /// - Throws: `ModelError` for everything that is wrong whatever the inputs are.
  init(
    _ graph: Graph, operatorSets: OperatorSets, engine: Engine,
    outer: ((String) -> Bool)? = nil, ownsInitializers: Bool = false
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
        throw .graph("sparse initializer '\(name)': \(error)")
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
    /// The number of a value a node may use, here or in a graph around.
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
      let label = node.name.flatMap { $0.isEmpty ? nil : $0 } ?? "#\(index)"
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
          throw fail(.input(position, "nothing makes '\(name)'"))
        }
      }
      let version = try operatorSets.version(for: node, fail)
      let made: (operator: any Operator, types: TypeSet)
      do { made = try Registry.standard.make(node, operatorSet: version) } catch { throw fail(error) }
      var subgraphs: [(attribute: String, program: Program, captures: [Int32])] = []
      for attribute in node.attributes {
        guard case .graph(let body) = attribute.value else { continue }
        let program = try Program(
          body, operatorSets: operatorSets, engine: engine,
          outer: { table.numbers[$0] != nil || outer?($0) == true })
        // Every captured name is defined here or further out, so none is lost.
        subgraphs.append(
          (attribute.name, program, program.captureNames.compactMap { number(of: $0) }))
      }
      // Outputs that the operator always makes have a place, named or not.
      let required = type(of: made.operator).schema.outputs.lowerBound
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
        throw .graph("output '\(output.name)': nothing makes it")
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
    // Inputs of another shape would need another plan, and that one the constants.
    self.ownsConstants =
      ownsInitializers && outer == nil && types.allSatisfy { $0?.isFixed == true }
    self.plans = PlanCache(limit: engine.options.maxPlans)
  }
}

/// Names of a graph and their numbers.
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

  mutating func define(_ name: String, _ what: String) throws(ModelError) -> Int32 {
    guard numbers[name] == nil else { throw .graph("\(what) '\(name)': the name is taken") }
    return add(name)
  }
}

/// The operator sets that a model imports.
struct OperatorSets: Sendable {
  private var versions: [String: Int] = [:]

  init(_ imports: [OperatorSetImport]) throws(ModelError) {
    for entry in imports {
      let domain = Registry.normalized(domain: entry.domain)
      guard let version = Int(exactly: entry.version), version >= 1 else {
        throw .graph("operator set '\(domain)' has version \(entry.version)")
      }
      if domain.isEmpty, version > Registry.newestVersion {
        throw .graph(
          "operator set version \(version) is newer than the newest known, "
            + "\(Registry.newestVersion)")
      }
      guard versions.updateValue(version, forKey: domain) == nil else {
        throw .graph("operator set '\(domain)' is imported twice")
      }
    }
    // Before IR version 3 nothing had to be imported.
    if versions.isEmpty { versions[""] = 1 }
  }

  subscript(domain: String) -> Int? { versions[domain] }

  func version(
    for node: ONNXFormat.Node, _ fail: (OperatorError) -> ModelError
  ) throws(ModelError) -> Int {
    if let version = node.operatorSetVersion { return version }
    let domain = Registry.normalized(domain: node.domain)
    // Nodes of this package's own domain are made by its passes, which import nothing.
    if domain == Registry.privateDomain { return 1 }
    guard let version = versions[domain] else {
      throw fail(.invalid("the model does not import the domain '\(domain)'"))
    }
    return version
  }
}

/// The nodes with every one behind those whose outputs it uses, otherwise in the order they have.
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
    throw nodes[stuck].error(.invalid("it depends on its own output"))
  }
  return result
}
