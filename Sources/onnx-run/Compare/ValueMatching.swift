import ONNXFormat
import ToolSupport

/// The values of a model that correspond to those of another one.
struct ValueMatching {
  /// The second model's name of each value that has a counterpart, by the first model's.
  private(set) var partners: [String: String] = [:]
  /// The values of the first model that were matched by structure.
  private(set) var byStructure: Set<String> = []
  /// The second model's values by the first model's names. Quantized ones are dequantized.
  private(set) var values: [String: Value] = [:]
  /// The values of the second model that have no counterpart.
  private(set) var left = 0
  /// The outputs of the first model that the second one does not have.
  private(set) var lostOutputs: [String] = []

  private let expected: [String: Value]
  private let actual: [String: Value]
  private let quantized: QuantizedValues
  /// The first model's name of each value of the second one that has a counterpart.
  private var origins: [String: String] = [:]

  /// - Parameters:
  ///   - expected: the values of the first model
  ///   - actual: the values of the second model
  init(
    _ first: ExposedModel, _ second: ExposedModel, expected: [String: Value],
    actual: [String: Value]
  ) {
    (self.expected, self.actual) = (expected, actual)
    quantized = QuantizedValues(second.model.graph)
    let inputs = first.session.inputs.map(\.name)
    for (place, info) in second.session.inputs.enumerated() {
      let partner = place < inputs.count ? inputs[place] : nil
      origins[info.name] = inputs.contains(info.name) ? info.name : partner
    }
    for name in first.graph.outputs.map(\.name) {
      if !match(name, name) { match(name, name + "_quantized") }
    }
    // Outputs are compared whatever their shapes.
    for name in first.outputs where second.outputs.contains(name) { pair(name, name) }
    matchByStructure(first.model.graph, second.model.graph)
    if first.outputs.count == second.outputs.count {
      for (name, partner) in zip(first.outputs, second.outputs) where match(name, partner) {
        byStructure.insert(name)
      }
    }
    for (place, name) in first.outputs.enumerated()
    where partners[name] == nil && expected[name] != nil {
      guard first.outputs.count == second.outputs.count, pair(name, second.outputs[place]) else {
        lostOutputs.append(name)
        continue
      }
    }
    left = second.graph.outputs.count - partners.count
  }

  /// Matches two values if they have the same shape, and numbers that can be compared.
  @discardableResult
  private mutating func match(_ name: String, _ partner: String) -> Bool {
    guard partners[name] == nil, origins[partner] == nil, let wanted = expected[name],
      var value = actual[partner]
    else { return false }
    if let tensor = wanted.tensor {
      guard var found = value.tensor, found.shape == tensor.shape else { return false }
      if tensor.elementType.isFloatingPoint, !found.elementType.isFloatingPoint {
        guard let plain = quantized.dequantized(found, partner) else { return false }
        found = plain
      }
      value = .tensor(found)
    }
    partners[name] = partner
    origins[partner] = name
    values[name] = value
    return true
  }

  /// Matches two values of any types.
  @discardableResult
  private mutating func pair(_ name: String, _ partner: String) -> Bool {
    guard partners[name] == nil, origins[partner] == nil, expected[name] != nil,
      let value = actual[partner]
    else { return false }
    partners[name] = partner
    origins[partner] = name
    values[name] = value
    return true
  }

  private struct Key: Hashable {
    let kind: String
    let inputs: [String]
  }

  /// Matches the outputs of nodes with the same operator whose inputs are matched.
  private mutating func matchByStructure(_ first: Graph, _ second: Graph) {
    let (sources, otherSources) = (first.sources, second.sources)
    let (constants, otherConstants) = (first.constantNames, second.constantNames)
    var waiting: [Key: [Node]] = [:]
    for node in first.nodes where !node.isTransparent {
      let inputs = node.inputs.map { sources[$0] ?? $0 }
        .filter { !constants.contains($0) && !$0.isEmpty }
      waiting[Key(kind: node.kind, inputs: inputs), default: []].append(node)
    }
    for node in second.nodes where !node.isTransparent {
      // A node that is matched by name is not matched again.
      if node.outputs.contains(where: { origins[$0] != nil }) { continue }
      let inputs = node.inputs.map { otherSources[$0] ?? $0 }
        .filter { !otherConstants.contains($0) && !$0.isEmpty }
      let known = inputs.compactMap { origins[$0] }.map { sources[$0] ?? $0 }
      guard known.count == inputs.count, !inputs.isEmpty else { continue }
      let key = Key(kind: node.kind, inputs: known)
      let place = waiting[key]?.firstIndex { $0.outputs.allSatisfy { partners[$0] == nil } }
      guard let place, let candidate = waiting[key]?.remove(at: place) else { continue }
      for (name, partner) in zip(candidate.outputs, node.outputs) where match(name, partner) {
        byStructure.insert(name)
      }
    }
  }
}

extension Node {
  /// Whether the node changes only the form of its first input's numbers.
  var isTransparent: Bool {
    ["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast", "Identity"]
      .contains(operatorType)
  }

  /// The operator, without what distinguishes its quantized and fused forms.
  var kind: String {
    switch operatorType {
    case "QLinearConv", "ConvInteger", "FusedConv": "Conv"
    case "QLinearMatMul", "MatMulInteger", "MatMulNBits", "FusedMatMul", "Gemm", "FusedGemm",
      "QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat":
      "MatMul"
    default:
      operatorType.hasPrefix("QLinear") ? String(operatorType.dropFirst(7)) : operatorType
    }
  }
}

extension Graph {
  /// The value that each output of a transparent node stands for.
  fileprivate var sources: [String: String] {
    var sources: [String: String] = [:]
    for node in nodes where node.isTransparent {
      guard let input = node.inputs.first, let output = node.outputs.first else { continue }
      sources[output] = sources[input] ?? input
    }
    return sources
  }

  /// The names of initializers, and of values that follow from them alone.
  fileprivate var constantNames: Set<String> {
    var names = Set(initializers.compactMap(\.name))
    names.formUnion(sparseInitializers.compactMap(\.values.name))
    for node in nodes
    where !node.hasSubgraph && node.inputs.allSatisfy({ $0.isEmpty || names.contains($0) }) {
      names.formUnion(node.outputs)
    }
    return names
  }
}

/// The scales and zero points of a graph's quantized values.
private struct QuantizedValues {
  private var parameters: [String: (scale: Tensor, zero: Tensor?)] = [:]

  init(_ graph: Graph) {
    let constants = Dictionary(
      graph.initializers.compactMap { part in part.name.map { ($0, part.tensor) } },
      uniquingKeysWith: { $1 })
    for node in graph.nodes {
      let place: Int
      switch node.operatorType {
      case "QuantizeLinear": place = 1
      case "QLinearConv", "QLinearMatMul", "QLinearAdd", "QLinearMul": place = 6
      case let name where name.hasPrefix("QLinear"): place = 3
      default: continue
      }
      guard let output = node.outputs.first, place < node.inputs.count,
        let scale = constants[node.inputs[place]], scale.count == 1
      else { continue }
      let zero = place + 1 < node.inputs.count ? constants[node.inputs[place + 1]] : nil
      parameters[output] = (scale, zero)
    }
  }

  /// The numbers that a quantized tensor stands for, float32; `nil` where its scale is not known.
  func dequantized(_ tensor: Tensor, _ name: String) -> Tensor? {
    guard let (scaleTensor, zeroTensor) = parameters[name], let numbers = tensor.numbers,
      let scale = scaleTensor.numbers?(0)
    else { return nil }
    let zero = zeroTensor?.numbers?(0) ?? 0
    return try? Tensor(Float.self, shape: tensor.shape) { target in
      for index in 0..<tensor.count { target[index] = Float((numbers(index) - zero) * scale) }
    }
  }
}
