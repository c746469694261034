import ONNX
import ONNXOperators

/// Converts the nodes of a model to another floating-point type, in order. Each value must have a name
/// of its own.
struct Narrowing {
  private let wide: ElementType
  private let narrow: ElementType
  private let patterns: NamePatterns
  private let registry: Registry
  private let types: [String: ValueType]
  private let versions: [String: Int]
  private let exact: Set<String>
  /// Values before a `QuantizeLinear` and after a `DequantizeLinear`.
  private let quantized: Set<String>
  private var names: GraphBuilder
  /// The new types of values that have changed.
  private var current: [String: ElementType] = [:]
  /// Casts of values to the other type, by name, that the current graph sees.
  private var copies: [String: String] = [:]
  /// Constants in the narrow type, by name.
  private var narrowed: [String: String] = [:]
  /// Numbers that were integers, or count: the results of arithmetic on them and on constants.
  private var counts: Set<String> = []
  private var nodes: [Node] = []
  private var constants: [String: Tensor] = [:]
  private var added: [NamedTensor] = []
  private let version: Int
  /// Values that exceed the range of the narrow type.
  var large: Set<String> = []
  private(set) var left: [String] = []

  init(
    _ model: Model, from wide: ElementType, to narrow: ElementType, kept: NamePatterns,
    _ operators: [any Operator.Type]
  ) {
    let registry = Registry.standard.adding(operators)
    self.registry = registry
    self.wide = wide
    self.narrow = narrow
    self.patterns = kept
    let types = model.allValueTypes(operators)
    self.types = types
    var versions: [String: Int] = [:]
    for set in model.operatorSets {
      versions[Registry.normalized(domain: set.domain)] = Int(clamping: set.version)
    }
    self.versions = versions
    self.version = versions[""] ?? 1
    self.exact =
      ExactValues(model.graph, registry, versions) {
        types[$0]?.tensorType.map { [wide, .float64].contains($0.elementType) } == true
      }.names
    self.quantized = model.graph.quantizedValues
    self.names = GraphBuilder(taken: model.graph.allNames)
  }

  /// Converts the graph of a model and its subgraphs.
  mutating func convert(_ model: inout Model) {
    collectConstants(model.graph)
    convert(&model.graph, isInner: false)
    model.graph.initializers += added
  }

  private mutating func collectConstants(_ graph: Graph) {
    let inputs = Set(graph.inputs.map(\.name))
    for initializer in graph.initializers {
      guard let name = initializer.name, !inputs.contains(name) else { continue }
      constants[name] = initializer.tensor
    }
    for node in graph.nodes {
      if node.isStandard("Constant"), let name = node.outputs.first,
        let tensor = node.constantTensor
      {
        constants[name] = tensor
      }
      for graph in node.subgraphs { collectConstants(graph) }
    }
  }

  private mutating func convert(_ graph: inout Graph, isInner: Bool) {
    let outer = (nodes: nodes, copies: copies)
    nodes = []
    for node in graph.nodes { convert(node) }
    if isInner {
      for index in graph.outputs.indices where current[graph.outputs[index].name] == narrow {
        graph.outputs[index].name = value(graph.outputs[index].name, in: wide)
      }
    } else {
      keepNames(of: graph.outputs)
    }
    graph.nodes = nodes
    graph.valueInfos.removeAll { current[$0.name] != nil }
    // Other graphs do not see the casts of this one.
    if isInner { (nodes, copies) = outer }
  }

  /// Casts outputs of the model to the wide type. They keep their names.
  private mutating func keepNames(of outputs: [ValueInfo]) {
    var renamed: [String: String] = [:]
    for output in outputs where current[output.name] == narrow && renamed[output.name] == nil {
      renamed[output.name] = names.unique("\(output.name)_\(narrow)")
    }
    for index in nodes.indices { nodes[index].renameValues { renamed[$0] ?? $0 } }
    for (name, inner) in renamed.sorted(by: { $0.key < $1.key }) {
      nodes.append(cast(inner, to: wide, as: name))
    }
  }

  private mutating func convert(_ node: Node) {
    var node = node
    let floats = node.inputs.indices.filter { elementType(node.inputs[$0]) == wide }
    let isKept = patterns.contains(node)
    if !isKept, !node.subgraphs.isEmpty {
      for index in floats { node.inputs[index] = value(node.inputs[index], in: wide) }
      node.changeSubgraphs { convert(&$0, isInner: true) }
      nodes.append(node)
      return
    }
    let facts = registry.facts(of: node, versions)
    let isCount = isCount(node, facts, floats)
    if isCount { counts.formUnion(node.outputs) }
    guard !floats.isEmpty, !isKept, !isCount, !isExact(node, floats),
      quantized.isDisjoint(with: node.inputs), quantized.isDisjoint(with: node.outputs),
      large.isDisjoint(with: node.inputs), large.isDisjoint(with: node.outputs),
      let choice = choose(node, floats, Set(facts?.exactInputs(node) ?? []))
    else {
      if !floats.isEmpty || !node.subgraphs.isEmpty {
        left.append(node.name ?? node.operatorType)
        for index in floats { node.inputs[index] = value(node.inputs[index], in: wide) }
        // Subgraphs take the values of the outer graph in their old type, under a new name.
        for name in Set(node.usedNames) where current[name] == narrow && !node.inputs.contains(name)
        {
          let copy = value(name, in: wide)
          node.renameInSubgraphs { $0 == name ? copy : $0 }
        }
      }
      nodes.append(node)
      return
    }
    for index in floats {
      node.inputs[index] = value(
        node.inputs[index], in: choice.inputs.contains(index) ? narrow : wide)
    }
    nodes.append(node)
    for (index, type) in choice.outputs.enumerated() where index < node.outputs.count {
      if elementType(node.outputs[index]) == wide, type.tensorType?.elementType == narrow {
        current[node.outputs[index]] = narrow
      }
    }
  }

  /// Whether a node's results are numbers that were integers, or come of nothing but such numbers and
  /// constants.
  private func isCount(_ node: Node, _ facts: (any Operator.Type)?, _ floats: [Int]) -> Bool {
    guard let facts, node.outputs.contains(where: { elementType($0) == wide }) else { return false }
    if floats.isEmpty {
      return node.isStandard("Cast") || node.isStandard("CastLike")
        || node.isStandard("ConstantOfShape")
    }
    if facts.isLayer(node), node.inputs.count > 1, constants[node.inputs[1]] != nil { return false }
    let stated = Set(facts.exactInputs(node))
    var hasCount = false
    for index in floats {
      let name = node.inputs[index]
      if counts.contains(name) || stated.contains(index) {
        hasCount = true
      } else if constants[name] == nil {
        return false
      }
    }
    return hasCount
  }

  /// Whether a node must keep the precision of its inputs or outputs, or compares with counts.
  private func isExact(_ node: Node, _ floats: [Int]) -> Bool {
    if !exact.isDisjoint(with: node.outputs) { return true }
    let makesFloats = node.outputs.contains { elementType($0) == wide }
    return !makesFloats && floats.contains { counts.contains(node.inputs[$0]) }
  }

  /// The element type of a value before the conversion.
  private func elementType(_ name: String) -> ElementType? {
    name.isEmpty ? nil : types[name]?.tensorType?.elementType
  }

  /// The inputs that the node accepts in the narrow type, and its outputs' types then; `nil` where it
  /// does not accept it.
  private func choose(
    _ node: Node, _ floats: [Int], _ stated: Set<Int>
  ) -> (inputs: Set<Int>, outputs: [ValueType])? {
    let domain = Registry.normalized(domain: node.domain)
    guard let version = node.operatorSetVersion ?? versions[domain],
      let entry = registry.find(node.operatorType, domain: domain, operatorSet: version),
      let made = try? registry.make(node, operatorSet: version)
    else { return nil }
    if floats.first == 0 {
      guard made.types.contains(narrow) else { return nil }
    } else {
      // A schema lists the types of input 0 only. Standard operators take float16 for their other
      // inputs where they make floats, and bfloat16 since version 13.
      guard domain.isEmpty, narrow != .bfloat16 || entry.since >= 13,
        node.outputs.contains(where: { elementType($0) == wide })
      else { return nil }
    }
    // Sequences and optional values keep the type of their elements.
    let names = (node.inputs + node.outputs).filter { !$0.isEmpty }
    guard names.allSatisfy({ types[$0].map { $0.tensorType != nil } ?? true }) else { return nil }
    // Constants beyond the range would become infinite.
    for index in floats where !stated.contains(index) {
      if let tensor = constants[node.inputs[index]], narrow == .float16, !tensor.fitsFloat16 {
        return nil
      }
    }
    return infer(node, made.operator, Set(floats).subtracting(stated), floats.first)
  }

  private func infer(
    _ node: Node, _ operation: any Operator, _ candidates: Set<Int>, _ first: Int?
  ) -> (inputs: Set<Int>, outputs: [ValueType])? {
    var chosen = candidates
    while !chosen.isEmpty {
      var given: [ValueType?] = []
      for (index, name) in node.inputs.enumerated() {
        guard !name.isEmpty else {
          given.append(nil)
          continue
        }
        guard var type = types[name] else { return nil }
        if chosen.contains(index), let tensor = type.tensorType {
          type = .tensor(narrow, tensor.shape)
        }
        given.append(type)
      }
      let known = node.inputs.map { name in
        constants[name].flatMap { $0.elementType == wide ? nil : Value.tensor($0) }
      }
      do {
        let outputs = try operation.infer(Inputs(types: given, constants: known))
        guard outputs.allSatisfy({ $0.tensorType != nil }) else { return nil }
        return (chosen, outputs)
      } catch .input(let index, _) {
        // An input that must stay float32, or have the type of one that must.
        guard index != first, chosen.remove(index) != nil else { return nil }
      } catch {
        return nil
      }
    }
    return nil
  }

  /// The name of a value in a type, which may need a new constant or a cast.
  private mutating func value(_ name: String, in type: ElementType) -> String {
    let now = current[name] ?? wide
    guard now != type else { return name }
    if let copy = narrowed[name] ?? copies[name] { return copy }
    if type == narrow, let tensor = constants[name], let converted = tensor.narrowed(to: type) {
      let copy = names.unique("\(name)_\(type)")
      // Subgraphs see the constants of the model's graph.
      added.append(NamedTensor(copy, converted))
      narrowed[name] = copy
      return copy
    }
    let copy = names.unique("\(name)_\(type)")
    nodes.append(cast(name, to: type, as: copy))
    copies[name] = copy
    return copy
  }

  private func cast(_ name: String, to type: ElementType, as output: String) -> Node {
    Node(
      "Cast", name: output, inputs: [name], outputs: [output],
      attributes: [version < 6 ? .string("to", type.inCapitals) : .int("to", Int(type.rawValue))])
  }
}

extension Graph {
  /// Values that a `DequantizeLinear` makes or a `QuantizeLinear` takes, in all graphs.
  fileprivate var quantizedValues: Set<String> {
    var values: Set<String> = []
    for node in nodes {
      if node.operatorType == "DequantizeLinear" { values.formUnion(node.outputs) }
      if node.operatorType == "QuantizeLinear" { values.formUnion(node.inputs.prefix(1)) }
      for graph in node.subgraphs { values.formUnion(graph.quantizedValues) }
    }
    return values
  }
}
