import ONNXFormat
import ONNXOperators

/// Runs nodes between `DequantizeLinear` and `QuantizeLinear` on the integers themselves.
///
/// The two operators are a notation: they say which scale a value has. Nodes that only move elements move
/// the integers instead. Functions of one number become tables of 256 results. Other nodes become the
/// operators on integers that they state (`Operator.quantized`). Sums of products are then whole numbers
/// that are scaled and rounded once, as `QLinearConv` defines it, so a result may differ by one unit from
/// that of sums in float32, where it lies halfway between two integers up to their error. All other
/// results keep their bits.
public struct IntegerOperators: Pass {
  /// `integers`.
  public let name = "integers"

  /// The pass.
  public init() {}

  /// Rewrites the graph and the graphs within it. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    model.graph = rewritten(model.graph, nil, &context)
  }

  /// - Parameter outer: the constants of the graphs around it; `nil` for the model's own graph
  private func rewritten(
    _ graph: Graph, _ outer: [String: Tensor]?, _ context: inout PassContext
  ) -> Graph {
    guard hasNotation(graph, context) else { return graph }
    var search = IntegerSearch(graph, outer, context)
    search.run()
    for note in search.notes { context.note(note) }
    var result = search.graph
    let constants = search.constants
    for (place, node) in result.nodes.enumerated() where node.hasSubgraph {
      result.nodes[place].attributes = node.attributes.map { attribute in
        guard case .graph(let inner) = attribute.value else { return attribute }
        return Attribute(attribute.name, .graph(rewritten(inner, constants, &context)))
      }
    }
    return result
  }

  private func hasNotation(_ graph: Graph, _ context: PassContext) -> Bool {
    var seen = Set<String>()
    for node in graph.nodes.atAnyDepth where seen.insert(node.operatorType).inserted {
      if context.plainOperator(of: node)?.quantizationNotation != nil { return true }
    }
    return false
  }
}

extension Pass where Self == IntegerOperators {
  /// Runs nodes between `DequantizeLinear` and `QuantizeLinear` on integers.
  public static var integers: IntegerOperators { IntegerOperators() }
}

/// A graph whose nodes are replaced by others on integers.
struct IntegerSearch {
  private(set) var graph: Graph
  private(set) var constants: [String: Tensor]
  private(set) var notes: [String] = []
  let context: PassContext
  let types: [String: ValueType]
  private var builder: GraphBuilder
  /// The integers that real values note, by the names of the values.
  private(set) var values: [String: QuantizedValue] = [:]
  /// The nodes that make these real values.
  private var notators: [String: Node] = [:]
  private(set) var producers: [String: Int] = [:]
  /// The functions that make integers from others, by the names of the results.
  private(set) var tables: [String: IntegerTable] = [:]
  /// The number of users of each value, the graph's outputs included.
  private var users: [String: Int] = [:]
  private var captured: Set<String> = []
  private let outputs: Set<String>

  init(_ graph: Graph, _ outer: [String: Tensor]?, _ context: PassContext) {
    self.graph = graph
    self.context = context
    outputs = Set(graph.outputs.map(\.name))
    var names = Set(graph.inputs.map(\.name))
    names.formUnion(graph.nodes.flatMap(\.outputs))
    let own = names
    constants = (outer ?? [:]).filter { !own.contains($0.key) }
    for entry in graph.initializers {
      if let name = entry.name, !own.contains(name) { constants[name] = entry.tensor }
    }
    types = outer == nil ? context.types : context.types.filter { !own.contains($0.key) }
    for node in graph.nodes.atAnyDepth { names.formUnion(node.inputs + node.outputs) }
    names.formUnion(graph.initializers.compactMap(\.name))
    builder = GraphBuilder(taken: names)
  }

  mutating func run() {
    fold()
    moveDown()
    fold()
    var rounds = 0
    while moveUp(), rounds < 16 { rounds += 1 }
    fold()
    tabulate()
    replace()
    removeDeadNodes()
  }

  /// Finds the producers and users of all values, and the integers that values note.
  private mutating func index() {
    (producers, users, captured) = ([:], [:], [])
    for name in outputs { users[name, default: 0] += 1 }
    for (place, node) in graph.nodes.enumerated() {
      for name in node.usedNames { users[name, default: 0] += 1 }
      if node.hasSubgraph { captured.formUnion(node.usedNames) }
      for name in node.outputs where !name.isEmpty { producers[name] = place }
      note(node)
    }
  }

  private mutating func note(_ node: Node) {
    guard let (notation, type) = notation(of: node), notation.direction == .dequantizes,
      let value = value(of: node, node.inputs[0], type, notation)
    else { return }
    values[node.outputs[0]] = value
    notators[node.outputs[0]] = node
  }

  /// The notation of a node, and the type of its integers.
  private func notation(of node: Node) -> (QuantizationNotation, ElementType)? {
    guard let made = context.plainOperator(of: node), let notation = made.quantizationNotation,
      node.outputs.count == 1, node.inputs.count >= 2
    else { return nil }
    let zero = node.inputs.count > 2 ? node.inputs[2] : ""
    if let type = constants[zero]?.elementType { return (notation, type) }
    guard zero.isEmpty else { return nil }
    let codes = notation.direction == .quantizes ? node.outputs[0] : node.inputs[0]
    if let type = constants[codes]?.elementType ?? types[codes]?.tensorType?.elementType {
      return (notation, type)
    }
    guard let maker = producers[codes], maker < graph.nodes.count else { return nil }
    let inputs = Inputs(types: [.tensor(.float32, nil), .tensor(.float32, [])])
    guard let quantizer = context.plainOperator(of: graph.nodes[maker]),
      quantizer.quantizationNotation?.direction == .quantizes,
      graph.nodes[maker].inputs.dropFirst(2).allSatisfy(\.isEmpty),
      let type = (try? quantizer.infer(inputs))?.first?.tensorType?.elementType
    else { return nil }
    return (notation, type)
  }

  private func value(
    of node: Node, _ codes: String, _ type: ElementType, _ notation: QuantizationNotation
  ) -> QuantizedValue? {
    guard let scale = constants[node.inputs[1]] else { return nil }
    let zero = node.inputs.count > 2 ? node.inputs[2] : ""
    return QuantizedValue(
      codes: codes, type, scale: (node.inputs[1], scale),
      zeroPoint: constants[zero].map { (zero, $0) }, notation)
  }

  /// The integers that a node makes of real numbers; `nil` for other nodes.
  func quantized(by node: Node) -> QuantizedValue? {
    guard let (notation, type) = notation(of: node), notation.direction == .quantizes else {
      return nil
    }
    return value(of: node, node.outputs[0], type, notation)
  }

  /// Whether a node is the only user of a value, which is not an output of the graph.
  func isUsedOnce(_ name: String) -> Bool { users[name] == 1 && !outputs.contains(name) }

  private func runs(_ node: Node, on type: ElementType) -> Bool {
    guard let version = context.version(of: node) else { return false }
    return (try? context.registry.make(node, operatorSet: version))?.types.contains(type) ?? false
  }

  private func movedInputs(_ node: Node) -> [Int] {
    guard let made = context.plainOperator(of: node) else { return [] }
    let inputs = type(of: made).movedInputs(node)
    return inputs.allSatisfy(node.inputs.indices.contains) ? inputs : []
  }

  /// Moves integers in place of the numbers that they note.
  private mutating func moveDown() {
    var result: [Node] = []
    for var node in graph.nodes {
      let moved = movedInputs(node)
      guard let first = moved.first.flatMap({ values[node.inputs[$0]] }), first.isUniform,
        let notator = moved.first.flatMap({ notators[node.inputs[$0]] }),
        moved.allSatisfy({ values[node.inputs[$0]]?.hasParameters(of: first) ?? false }),
        runs(node, on: first.elementType)
      else {
        result.append(node)
        continue
      }
      notes.append("\(node.operatorType) on integers")
      let reals = node.outputs
      for input in moved {
        if let codes = values[node.inputs[input]]?.codes { node.inputs[input] = codes }
      }
      node.outputs = reals.map { $0.isEmpty ? "" : builder.unique("\($0)_quantized") }
      node.operatorSetVersion = context.version(of: node)
      result.append(node)
      for (real, codes) in zip(reals, node.outputs) where !real.isEmpty {
        var copy = notator
        copy.name = real
        copy.inputs[0] = codes
        copy.outputs = [real]
        copy.operatorSetVersion = context.version(of: notator)
        result.append(copy)
        values[real] = QuantizedValue(codes: codes, like: first)
        notators[real] = copy
      }
    }
    graph.nodes = result
    removeDeadNodes()
  }

  /// Quantises the inputs of nodes that move elements, in place of their outputs.
  private mutating func moveUp() -> Bool {
    var inserted: [Int: [Node]] = [:]
    var removed = Set<Int>()
    for (place, node) in graph.nodes.enumerated() {
      guard let result = quantized(by: node), result.isUniform, isUsedOnce(node.inputs[0]),
        let maker = producers[node.inputs[0]], inserted[maker] == nil, !removed.contains(maker)
      else { continue }
      var mover = graph.nodes[maker]
      let moved = movedInputs(mover)
      guard mover.outputs.count == 1, !moved.isEmpty, runs(mover, on: result.elementType),
        moved.allSatisfy({ values[mover.inputs[$0]] != nil || isUsedOnce(mover.inputs[$0]) })
      else { continue }
      var added: [Node] = []
      for input in moved {
        let real = mover.inputs[input]
        if let value = values[real], value.hasParameters(of: result) {
          mover.inputs[input] = value.codes
          continue
        }
        var copy = node
        copy.inputs[0] = real
        copy.outputs = [builder.unique("\(real)_quantized")]
        copy.name = copy.outputs[0]
        copy.operatorSetVersion = context.version(of: node)
        mover.inputs[input] = copy.outputs[0]
        added.append(copy)
      }
      notes.append("\(mover.operatorType) on integers")
      mover.operatorSetVersion = context.version(of: mover)
      mover.outputs = node.outputs
      inserted[maker] = added + [mover]
      removed.insert(place)
    }
    guard !inserted.isEmpty else { return false }
    graph.nodes = graph.nodes.enumerated().flatMap { place, node in
      removed.contains(place) ? [] : inserted[place] ?? [node]
    }
    removeDeadNodes()
    return true
  }

  /// Replaces functions of one integer by tables.
  private mutating func tabulate() {
    var aliases: [String: String] = [:]
    var result: [Node] = []
    for (place, node) in graph.nodes.enumerated() {
      guard let quantized = quantized(by: node), quantized.isByte, quantized.isUniform else {
        result.append(node)
        continue
      }
      if let table = table(to: quantized, at: place) {
        tables[quantized.codes] = table
        if table.isIdentity, table.source.elementType == quantized.elementType,
          !outputs.contains(quantized.codes), !captured.contains(quantized.codes)
        {
          aliases[quantized.codes] = table.source.codes
          notes.append("no change of scale")
          continue
        }
        result.append(
          ByteTable.node(
            table.source.codes, table: constant(table.values), to: quantized.elementType,
            output: quantized.codes))
        notes.append("table of \(table.names.joined(separator: ", "))")
      } else if let (clamp, values) = clampTable(before: node, quantized) {
        var quantizer = node
        quantizer.inputs[0] = clamp.inputs[0]
        notes.append("\(clamp.operatorType) as limits")
        if !values.isIdentityTable {
          quantizer.outputs = [builder.unique("\(quantized.codes)_unclamped")]
          result.append(quantizer)
          quantizer = ByteTable.node(
            quantizer.outputs[0], table: constant(values), to: quantized.elementType,
            output: quantized.codes)
        }
        result.append(quantizer)
      } else {
        result.append(node)
      }
    }
    graph.nodes = result
    rename(aliases)
    removeDeadNodes()
  }

  private mutating func constant(_ values: [UInt8]) -> String {
    let name = builder.unique("table")
    let tensor = Tensor(shape: [256], values)
    constants[name] = tensor
    graph.initializers.append(NamedTensor(name, tensor))
    return name
  }

  private mutating func rename(_ aliases: [String: String]) {
    guard !aliases.isEmpty else { return }
    func target(_ name: String) -> String {
      var name = name
      while let other = aliases[name] { name = other }
      return name
    }
    for place in graph.nodes.indices {
      graph.nodes[place].inputs = graph.nodes[place].inputs.map(target)
    }
  }

  /// Replaces nodes by operators on integers.
  private mutating func replace() {
    var quantizers: [String: (place: Int, value: QuantizedValue)] = [:]
    for (place, node) in graph.nodes.enumerated() {
      guard let value = quantized(by: node), isUsedOnce(node.inputs[0]) else { continue }
      quantizers[node.inputs[0]] = (place, value)
    }
    var result: [[Node]] = graph.nodes.map { [$0] }
    var constantCount = builder.initializers.count
    for (place, node) in graph.nodes.enumerated() {
      guard node.outputs.count == 1, node.inputs.contains(where: { values[$0] != nil }),
        let made = context.plainOperator(of: node), made.quantizationNotation == nil
      else { continue }
      let quantizer = quantizers[node.outputs[0]]
      let site = QuantizedSite(
        node: node, inputs: node.inputs.map { values[$0] }, result: quantizer?.value,
        constant: { [constants] in constants[$0] }, type: { [types] in types[$0] })
      let first = builder.nodes.count
      guard let outcome = made.quantized(site, &builder) else { continue }
      var nodes = Array(builder.nodes[first...])
      let (old, new): (String, String)
      switch outcome {
      case .codes(let name):
        guard let quantizer else { continue }
        (old, new) = (name, quantizer.value.codes)
        result[quantizer.place] = []
      case .real(let name): (old, new) = (name, node.outputs[0])
      }
      for place in nodes.indices {
        nodes[place].outputs = nodes[place].outputs.map { $0 == old ? new : $0 }
      }
      notes.append("\(node.operatorType) on integers")
      result[place] = nodes
      for entry in builder.initializers[constantCount...] {
        graph.initializers.append(entry)
        if let name = entry.name { constants[name] = entry.tensor }
      }
      constantCount = builder.initializers.count
    }
    graph.nodes = result.flatMap { $0 }
  }

  private mutating func fold() {
    let count = graph.initializers.count
    ConstantFolding(keepsIntegers: true).fold(&graph, context.operatorSets, context.engine)
    for entry in graph.initializers[count...] {
      if let name = entry.name { constants[name] = entry.tensor }
    }
    index()
  }

  /// Removes what is no longer needed, and finds users again.
  private mutating func removeDeadNodes() {
    let (isNeeded, used) = graph.nodes(neededFor: graph.outputs.map(\.name))
    graph.nodes = zip(graph.nodes, isNeeded).filter(\.1).map(\.0)
    graph.initializers.removeAll { !used.contains($0.name ?? "") }
    index()
  }
}
