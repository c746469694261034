import ONNXFormat
import ONNXOperators

/// Computes float16 values between nodes in float32.
///
/// They are rounded only at the inputs and outputs of the graph, and where a node converts to float16.
/// Sums of squares that would overflow then stay finite, no node converts back and forth, and the results
/// are close to those of onnxruntime, which runs most float16 nodes in float32 on CPUs. Graphs without
/// float16 weights stay as they are: they spell out a formula, and the standard's cases of such graphs
/// round every value.
public struct Float16Widening: Pass {
  /// `widening`.
  public let name = "widening"

  /// The pass.
  public init() {}

  /// Widens every node that takes a float16 value from another such node. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    let halves = context.types.filter { $0.value.tensorType?.elementType == .float16 }
    guard !halves.isEmpty, model.graph.hasFloat16Weights else { return }
    let nodes = model.graph.nodes
    let widened = Self.connected(
      nodes, nodes.map { Self.isWidenable($0, halves, context) }, halves)
    guard widened.contains(true) else { return }

    var names: [String: String] = [:]
    for name in halves.keys {
      var wide = name + "#float32"
      while context.types[wide] != nil { wide += "'" }
      names[name] = wide
    }
    var narrow = Set(model.graph.outputs.map(\.name))
    for (node, isWide) in zip(nodes, widened) where !isWide { narrow.formUnion(node.usedNames) }
    var made = Set<String>()
    for (node, isWide) in zip(nodes, widened) where isWide { made.formUnion(node.outputs) }

    var result: [Node] = []
    for (var node, isWide) in zip(nodes, widened) {
      guard isWide else {
        result.append(node)
        continue
      }
      context.note(node.operatorType)
      for name in node.inputs {
        if let wide = names[name], made.insert(name).inserted {
          result.append(Self.cast(name, to: .float32, as: wide))
        }
      }
      let outputs = node.outputs.filter { halves[$0] != nil }
      node.inputs = node.inputs.map { names[$0] ?? $0 }
      node.outputs = node.outputs.map { names[$0] ?? $0 }
      result.append(node)
      for name in outputs where narrow.contains(name) {
        if let wide = names[name] { result.append(Self.cast(wide, to: .float16, as: name)) }
      }
    }
    model.graph.nodes = result
    for (name, type) in halves {
      if let wide = names[name], let type = Self.widened(type) { context.types[wide] = type }
    }
  }

  /// Whether a node computes the same from float32 values, and float32 values wherever it has
  /// computed float16 ones.
  private static func isWidenable(
    _ node: Node, _ halves: [String: ValueType], _ context: PassContext
  ) -> Bool {
    guard node.inputs.contains(where: { halves[$0] != nil }),
      node.outputs.contains(where: { halves[$0] != nil }), !node.hasSubgraph,
      let version = context.version(of: node),
      let (made, types) = try? context.registry.make(node, operatorSet: version)
    else { return false }
    var inputs: [ValueType?] = []
    for name in node.inputs {
      guard let type = context.types[name] else {
        if name.isEmpty { inputs.append(nil) } else { return false }
        continue
      }
      inputs.append(widened(type))
    }
    if halves[node.inputs[0]] != nil, !types.contains(.float32) { return false }
    guard let inferred = try? made.infer(Inputs(types: inputs)) else { return false }
    return node.outputs.enumerated().allSatisfy { index, name in
      guard !name.isEmpty else { return true }
      guard index < inferred.count, let type = context.types[name], let wide = widened(type)
      else { return false }
      return inferred[index].tensorType?.elementType == wide.tensorType?.elementType
    }
  }

  /// The nodes among `candidates` that share a float16 value with another one.
  private static func connected(
    _ nodes: [Node], _ candidates: [Bool], _ halves: [String: ValueType]
  ) -> [Bool] {
    var producers: [String: Int] = [:]
    for (index, node) in nodes.enumerated() where candidates[index] {
      for name in node.outputs where halves[name] != nil { producers[name] = index }
    }
    var result = [Bool](repeating: false, count: nodes.count)
    for (index, node) in nodes.enumerated() where candidates[index] {
      for producer in node.inputs.compactMap({ producers[$0] }) {
        result[index] = true
        result[producer] = true
      }
    }
    return result
  }

  /// A type with float32 in place of float16; `nil` for one that is not a tensor.
  private static func widened(_ type: ValueType) -> ValueType? {
    guard let tensor = type.tensorType else { return nil }
    return .tensor(
      tensor.elementType == .float16 ? .float32 : tensor.elementType, tensor.shape)
  }

  private static func cast(_ input: String, to type: ElementType, as output: String) -> Node {
    var node = Node(
      "Cast", inputs: [input], outputs: [output],
      attributes: [.int("to", Int(type.rawValue))])
    node.operatorSetVersion = GraphBuilder.operatorSet
    return node
  }
}

extension Graph {
  /// Whether an initializer or a `Constant` node holds several float16 numbers.
  fileprivate var hasFloat16Weights: Bool {
    let constants = nodes.lazy.filter { $0.operatorType == "Constant" }.compactMap { node in
      if case .tensor(let entry)? = node.attribute("value")?.value { entry.tensor } else { nil }
    }
    return initializers.contains { $0.tensor.elementType == .float16 && $0.tensor.count > 1 }
      || constants.contains { $0.elementType == .float16 && $0.count > 1 }
  }
}

extension Pass where Self == Float16Widening {
  /// Computes float16 values between nodes in float32.
  public static var widening: Float16Widening { Float16Widening() }
}
