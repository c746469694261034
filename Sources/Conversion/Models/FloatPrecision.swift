import ONNX
import ONNXOperators

extension Model {
  /// The model with its float32 values in a 16-bit floating-point type, wherever operators accept it.
  /// Other nodes, and the graph's inputs and outputs, keep float32, with casts around them.
  ///
  /// - Parameters:
  ///   - type: `.float16` or `.bfloat16`
  ///   - kept: names or operators of nodes that keep float32
  ///   - samples: inputs of runs, by name. Nodes with an input or output that exceeds the range of
  ///     float16 in these runs keep float32.
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Returns: the model, and the names of the nodes that keep float32
  /// - Throws: `ModelError` where the model is invalid or does not run on the samples
  public func narrowed(
    to type: ElementType, keeping kept: NamePatterns = NamePatterns([]),
    samples: [[String: Value]] = [], operators: [any Operator.Type] = []
  ) throws(ModelError) -> (model: Model, kept: [String]) {
    var base = try withOwnInitializers().withoutFunctions()
    // Arithmetic takes bfloat16 since operator set 13, convolutions and recurrent layers since 22.
    let version = base.operatorSets.version(of: "") ?? 1
    if type == .bfloat16, version < 22 {
      do { base = try base.converted(toOperatorSet: 22, operators: operators) } catch {
        base = try base.converted(toOperatorSet: max(version, 13), operators: operators)
      }
    }
    var narrowing = Narrowing(base, from: .float32, to: type, kept: kept, operators)
    if type == .float16, !samples.isEmpty {
      let floats = base.valueTypes(operators).filter {
        $0.value.tensorType?.elementType == .float32
      }
      let largest = Float(Float16.greatestFiniteMagnitude)
      narrowing.large = Set(
        try base.ranges(of: floats.keys.sorted(), samples, operators).filter {
          max(-$0.value.lowerBound, $0.value.upperBound) > largest
        }.keys)
    }
    try narrowing.convert(&base.graph)
    base.removeUnused()
    base.graph.makeNodeNamesUnique(keeping: graph)
    try base.check(operators)
    return (base, narrowing.left)
  }
}

/// Converts the nodes of a graph to another floating-point type, in order.
private struct Narrowing {
  private let wide: ElementType
  private let narrow: ElementType
  private let patterns: NamePatterns
  private let registry: Registry
  private let types: [String: ValueType]
  private let versions: [String: Int]
  private var names: GraphBuilder
  /// The new types of values that have changed.
  private var current: [String: ElementType] = [:]
  /// Copies of values in the other type, by name.
  private var copies: [String: String] = [:]
  private var nodes: [Node] = []
  private var initializers: [String: Tensor] = [:]
  private var added: [NamedTensor] = []
  private var version = 1
  /// Values that exceed the range of the narrow type.
  var large: Set<String> = []
  private(set) var left: [String] = []

  init(
    _ model: Model, from wide: ElementType, to narrow: ElementType, kept: NamePatterns,
    _ operators: [any Operator.Type]
  ) {
    self.registry = Registry.standard.adding(operators)
    self.wide = wide
    self.narrow = narrow
    self.patterns = kept
    self.types = model.valueTypes(operators)
    var versions: [String: Int] = [:]
    for set in model.operatorSets {
      versions[Registry.normalized(domain: set.domain)] = Int(clamping: set.version)
    }
    self.versions = versions
    self.version = versions[""] ?? 1
    self.names = GraphBuilder(taken: model.graph.allNames)
  }

  mutating func convert(_ graph: inout Graph) throws(ModelError) {
    for initializer in graph.initializers {
      if let name = initializer.name { initializers[name] = initializer.tensor }
    }
    for node in graph.nodes { try convert(node) }
    // The outputs keep their names and types.
    var renamed: [String: String] = [:]
    for output in graph.outputs where current[output.name] == narrow {
      if renamed[output.name] == nil {
        renamed[output.name] = names.unique("\(output.name)_\(narrow)")
      }
    }
    for index in nodes.indices { nodes[index].renameValues { renamed[$0] ?? $0 } }
    for (name, inner) in renamed.sorted(by: { $0.key < $1.key }) {
      nodes.append(cast(inner, to: wide, as: name))
    }
    graph.nodes = nodes
    graph.initializers += added
    graph.valueInfos.removeAll { current[$0.name] != nil }
  }

  private mutating func convert(_ node: Node) throws(ModelError) {
    var node = node
    let floats = node.inputs.indices.filter { elementType(node.inputs[$0]) == wide }
    let makesFloats = node.outputs.contains { elementType($0) == wide }
    guard !floats.isEmpty, node.subgraphs.isEmpty,
      !patterns.contains(node.name ?? ""), !patterns.contains(node.operatorType),
      large.isDisjoint(with: node.inputs), large.isDisjoint(with: node.outputs),
      let choice = choose(node, floats)
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
      } else if makesFloats, node.operatorType == "Constant",
        let tensor = node.attribute("value").flatMap(\.tensorValue), let name = node.outputs.first
      {
        initializers[name] = tensor
      }
      nodes.append(node)
      return
    }
    for index in floats where choice.inputs.contains(index) {
      node.inputs[index] = value(node.inputs[index], in: narrow)
    }
    for index in floats where !choice.inputs.contains(index) {
      node.inputs[index] = value(node.inputs[index], in: wide)
    }
    nodes.append(node)
    for (index, type) in choice.outputs.enumerated() where index < node.outputs.count {
      if elementType(node.outputs[index]) == wide, type.tensorType?.elementType == narrow {
        current[node.outputs[index]] = narrow
      }
    }
  }

  /// The element type of a value before the conversion.
  private func elementType(_ name: String) -> ElementType? {
    name.isEmpty ? nil : types[name]?.tensorType?.elementType
  }

  /// The inputs that the node accepts in the narrow type, and its outputs' types then; `nil` where it
  /// does not accept it.
  private func choose(
    _ node: Node, _ floats: [Int]
  ) -> (inputs: Set<Int>, outputs: [ValueType])? {
    let domain = Registry.normalized(domain: node.domain)
    guard let version = versions[domain],
      let made = try? registry.make(node, operatorSet: version)
    else { return nil }
    if floats.first == 0, !made.types.contains(narrow) { return nil }
    // Constants beyond the range would become infinite.
    for index in floats {
      if let tensor = initializers[node.inputs[index]], narrow == .float16, !tensor.fitsFloat16 {
        return nil
      }
    }
    var chosen = Set(floats)
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
      let constants = node.inputs.map { name in
        initializers[name].flatMap { $0.elementType == wide ? nil : Value.tensor($0) }
      }
      do {
        let outputs = try made.operator.infer(Inputs(types: given, constants: constants))
        return (chosen, outputs)
      } catch .input(let index, _) {
        // An input that must stay float32, or have the type of one that must.
        guard index != floats.first, chosen.remove(index) != nil else { return nil }
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
    if let copy = copies[name] { return copy }
    if type == narrow, let tensor = initializers[name], let converted = tensor.narrowed(to: type) {
      let copy = names.unique("\(name)_\(type)")
      added.append(NamedTensor(copy, converted))
      copies[name] = copy
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

extension ElementType {
  /// The name of a floating-point type in operator set 1.
  fileprivate var inCapitals: String { self == .float32 ? "FLOAT" : description.uppercased() }
}

extension Attribute {
  var tensorValue: Tensor? { if case .tensor(let named) = value { named.tensor } else { nil } }
}

extension Tensor {
  fileprivate var fitsFloat16: Bool {
    guard elementType == .float32 else { return true }
    let largest = Float(Float16.greatestFiniteMagnitude)
    return elements(as: Float.self).allSatisfy { !$0.isFinite || abs($0) <= largest }
  }

  /// The tensor in a 16-bit type; `nil` for types other than float32, and when memory runs out.
  func narrowed(to type: ElementType) -> Tensor? {
    guard elementType == .float32 else { return nil }
    let source = elements(as: Float.self)
    if type == .float16 {
      return try? Tensor(Float16.self, shape: shape) { target in
        for (index, number) in source.enumerated() { target[index] = Float16(number) }
      }
    }
    return try? Tensor(BFloat16.self, shape: shape) { target in
      for (index, number) in source.enumerated() { target[index] = BFloat16(number) }
    }
  }
}
