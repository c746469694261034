import ONNX
import ONNXOperators

/// The known types and constants of one graph while its nodes are converted.
final class ConversionScope: VersionContext {
  private final class Names {
    var taken: Set<String> = []
    var counts: [String: Int] = [:]
    var used: Set<String> = []
  }

  private let names: Names
  private let outer: ConversionScope?
  private var types: [String: ValueType] = [:]
  private var constants: [String: Tensor] = [:]
  /// Whether the model passed its checks, so that the types of its values are known.
  private(set) var isChecked = false
  /// Whether a run may replace initializers that are inputs too.
  private let replacesInitializers: Bool

  private init(
    names: Names, outer: ConversionScope?, replacesInitializers: Bool, registry: Registry
  ) {
    self.registry = registry
    self.names = names
    self.outer = outer
    self.replacesInitializers = replacesInitializers
  }

  /// The scope of a model's graph, with the types of its values if they can be inferred.
  convenience init(_ model: Model, _ operators: [any Operator.Type]) {
    // Before IR version 4 every initializer had to be an input.
    self.init(
      names: Names(), outer: nil, replacesInitializers: model.irVersion ?? 0 >= 4,
      registry: Registry.standard.adding(operators))
    collect(model.graph)
    for info in model.trainingInfos {
      for graph in [info.initialization, info.algorithm] {
        if let graph { collect(graph) }
      }
    }
    if let found = try? Session(model, options: .checking(operators)).types() {
      types = found
      isChecked = true
    }
  }

  /// The scope of a function's body.
  convenience init(_ function: Function, _ operators: [any Operator.Type]) {
    self.init(
      names: Names(), outer: nil, replacesInitializers: false,
      registry: Registry.standard.adding(operators))
    names.taken.formUnion(function.inputs + function.outputs)
    names.used.formUnion(function.outputs)
    for node in function.nodes { collect(node) }
    for info in function.valueInfos { if let type = info.type { types[info.name] = type } }
  }

  /// The scope of a subgraph.
  func inner() -> ConversionScope {
    ConversionScope(
      names: names, outer: self, replacesInitializers: replacesInitializers, registry: registry)
  }

  /// Adds the types and constants that a graph states.
  func enter(_ graph: Graph) {
    for info in graph.valueInfos + graph.inputs + graph.outputs {
      guard types[info.name] == nil, let type = info.type else { continue }
      types[info.name] = type
    }
    let inputs = Set(graph.inputs.map(\.name))
    for initializer in graph.initializers {
      guard let name = initializer.name else { continue }
      declare(name, .tensor(initializer.tensor.type))
      if !(replacesInitializers && inputs.contains(name)) { constants[name] = initializer.tensor }
    }
    for node in graph.nodes { note(node) }
  }

  /// Adds the output of a `Constant` node as a constant.
  func note(_ node: Node) {
    guard node.operatorType == "Constant", let name = node.outputs.first,
      constants[name] == nil, let tensor = node.constantTensor
    else { return }
    declare(name, constant: tensor)
  }

  /// Infers the types of a node's outputs, where they are not stated.
  func infer(_ node: Node, operatorSet: Int) {
    guard node.outputs.contains(where: { !$0.isEmpty && type(of: $0) == nil }),
      let operation = try? registry.make(node, operatorSet: operatorSet)
    else { return }
    let inputs = Inputs(
      types: node.inputs.map { $0.isEmpty ? nil : type(of: $0) },
      constants: node.inputs.map { constant($0).map(Value.tensor) })
    guard zip(node.inputs, inputs.types).allSatisfy({ $0.isEmpty || $1 != nil }),
      let found = try? operation.operator.infer(inputs)
    else { return }
    for (name, type) in zip(node.outputs, found) where !name.isEmpty && types[name] == nil {
      types[name] = type
    }
  }

  private func collect(_ graph: Graph) {
    names.taken.formUnion(graph.inputs.map(\.name))
    names.taken.formUnion(graph.initializers.compactMap(\.name))
    names.used.formUnion(graph.outputs.map(\.name))
    for node in graph.nodes { collect(node) }
  }

  private func collect(_ node: Node) {
    names.taken.formUnion(node.inputs + node.outputs)
    if let name = node.name { names.taken.insert(name) }
    names.used.formUnion(node.inputs)
    for attribute in node.attributes {
      if case .graph(let graph) = attribute.value { collect(graph) }
    }
  }

  // MARK: VersionContext

  let registry: Registry

  func unique(_ hint: String) -> String {
    var name = hint
    while !names.taken.insert(name).inserted {
      let count = names.counts[hint, default: 0] + 1
      names.counts[hint] = count
      name = "\(hint)_\(count)"
    }
    names.used.insert(name)
    return name
  }

  func isUsed(_ name: String) -> Bool { names.used.contains(name) }
  func type(of name: String) -> ValueType? { types[name] ?? outer?.type(of: name) }
  func constant(_ name: String) -> Tensor? {
    if let tensor = constants[name] { return tensor }
    return types[name] == nil ? outer?.constant(name) : nil
  }
  func declare(_ name: String, _ type: ValueType) { types[name] = type }
  func declare(_ name: String, constant tensor: Tensor) {
    constants[name] = tensor
    types[name] = .tensor(tensor.type)
  }
}

extension Node {
  /// The numbers of a `Constant` node; `nil` for other contents.
  var constantTensor: Tensor? {
    for attribute in attributes {
      switch attribute.value {
      case .tensor(let tensor): return tensor.tensor
      case .int(let int): return Tensor(int)
      case .ints(let ints): return Tensor(shape: [ints.count], ints)
      case .float(let float): return Tensor(float)
      case .floats(let floats): return Tensor(shape: [floats.count], floats)
      default: break
      }
    }
    return nil
  }
}
