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

  /// Rewrites the graph. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    var seen = Set<String>()
    let notations = model.graph.nodes.filter { node in
      seen.insert(node.operatorType).inserted
        && context.plainOperator(of: node)?.quantizationNotation != nil
    }
    guard !notations.isEmpty else { return }
    var search = IntegerSearch(model.graph, Set(notations.map(\.operatorType)), context)
    search.run()
    for note in search.notes { context.note(note) }
    model.graph = search.graph
  }
}

extension Pass where Self == IntegerOperators {
  /// Runs nodes between `DequantizeLinear` and `QuantizeLinear` on integers.
  public static var integers: IntegerOperators { IntegerOperators() }
}

/// A graph whose nodes are replaced by others on integers.
struct IntegerSearch {
  var graph: Graph
  var constants: [String: Tensor] = [:]
  var notes: [String] = []
  let context: PassContext
  var builder: GraphBuilder
  /// The integers that real values note, by the names of the values.
  var values: [String: QuantizedValue] = [:]
  /// The nodes that make these real values.
  var notators: [String: Node] = [:]
  var producers: [String: Int] = [:]
  /// The functions that make integers from others, by the names of the results.
  var tables: [String: IntegerTable] = [:]
  /// The number of users of each value, the graph's outputs included.
  var users: [String: Int] = [:]
  var captured: Set<String> = []
  let outputs: Set<String>
  /// The operators that only note how values are quantised.
  let notations: Set<String>

  init(_ graph: Graph, _ notations: Set<String>, _ context: PassContext) {
    self.graph = graph
    self.notations = notations
    self.context = context
    outputs = Set(graph.outputs.map(\.name))
    let inputs = Set(graph.inputs.map(\.name))
    for entry in graph.initializers {
      if let name = entry.name, !inputs.contains(name) { constants[name] = entry.tensor }
    }
    builder = GraphBuilder(taken: graph.allNames)
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
  mutating func index() {
    (producers, users, captured) = ([:], [:], [])
    for name in outputs { users[name, default: 0] += 1 }
    for (place, node) in graph.nodes.enumerated() {
      for name in node.usedNames { users[name, default: 0] += 1 }
      if node.hasSubgraph { captured.formUnion(node.usedNames) }
      for name in node.outputs where !name.isEmpty { producers[name] = place }
      note(node)
    }
  }

  mutating func note(_ node: Node) {
    guard let (notation, type) = notation(of: node), notation.direction == .dequantizes,
      let value = value(of: node, node.inputs[0], type, notation)
    else { return }
    values[node.outputs[0]] = value
    notators[node.outputs[0]] = node
  }

  /// The notation of a node, and the type of its integers.
  func notation(of node: Node) -> (QuantizationNotation, ElementType)? {
    guard notations.contains(node.operatorType), let made = context.plainOperator(of: node),
      let notation = made.quantizationNotation, node.outputs.count == 1, node.inputs.count >= 2
    else { return nil }
    let zero = node.inputs.count > 2 ? node.inputs[2] : ""
    if let type = constants[zero]?.elementType { return (notation, type) }
    guard zero.isEmpty else { return nil }
    let codes = notation.direction == .quantizes ? node.outputs[0] : node.inputs[0]
    if let type = constants[codes]?.elementType ?? context.types[codes]?.tensorType?.elementType {
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

  func value(
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

  /// Replaces nodes by operators on integers.
  mutating func replace() {
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
        constant: { [constants] in constants[$0] }, type: { [context] in context.types[$0] })
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

  mutating func fold() {
    let count = graph.initializers.count
    let variables = Set(graph.inputs.map(\.name))
    ConstantFolding(keeping: variables, keepsIntegers: true).fold(
      &graph, context.operatorSets, context.engine)
    for entry in graph.initializers[count...] {
      if let name = entry.name { constants[name] = entry.tensor }
    }
    index()
  }

  /// Removes what is no longer needed, and finds users again.
  mutating func removeDeadNodes() {
    let (isNeeded, used) = graph.nodes(neededFor: graph.outputs.map(\.name))
    graph.nodes = zip(graph.nodes, isNeeded).filter(\.1).map(\.0)
    graph.initializers.removeAll { !used.contains($0.name ?? "") }
    index()
  }
}
