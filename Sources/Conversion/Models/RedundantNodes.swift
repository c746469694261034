import ONNX

extension Model {
  /// The model without nodes whose output equals their input, and with each computation done once.
  func withoutRedundantNodes(_ operators: [any Operator.Type]) -> Model {
    var result = self
    let types = valueTypes(operators)
    let versions = operatorSets.version(of: "") ?? 1
    var redundancy = Redundancy(self)
    result.graph.nodes = graph.nodes.compactMap { node in
      var node = node
      redundancy.rename(&node)
      return redundancy.isNeeded(node, types, operatorSet: versions) ? node : nil
    }
    guard redundancy.isFound else { return self }
    let made = Set(result.graph.nodes.flatMap(\.outputs))
    let known = made.union(graph.inputs.map(\.name))
    result.graph.valueInfos.removeAll { !known.contains($0.name) }
    return result
  }

  /// The model with sizes that a node such as `Shape` lists, and that are known though others are
  /// not, as constants.
  func withKnownSizes(_ operators: [any Operator.Type]) -> Model {
    let types = valueTypes(operators)
    var shapes: [String: Shape] = [:]
    let constants = fixedInitializers
    var result = self
    var added: [NamedTensor] = []
    result.graph.nodes.removeAll { node in
      guard let facts = node.facts, let output = node.outputs.first, let input = node.inputs.first
      else { return false }
      if let shape = types[input]?.tensorType?.shape,
        let range = facts.listedDimensions(node, rank: shape.rank)
      {
        shapes[output] = Shape(range.map { shape[$0] })
        return false
      }
      guard let shape = shapes[input],
        let selection = facts.selection(
          node, from: shape.rank, { $0 < node.inputs.count ? constants[node.inputs[$0]] : nil })
      else { return false }
      let positions = selection.positions
      let sizes = positions.compactMap { shape[$0].size.map(Int64.init) }
      if positions.count > 1 || selection.isVector {
        shapes[output] = Shape(positions.map { shape[$0] })
      }
      guard sizes.count == positions.count else { return false }
      added.append(
        NamedTensor(output, Tensor(shape: selection.isVector ? [sizes.count] : [], sizes)))
      return true
    }
    guard !added.isEmpty else { return self }
    result.graph.initializers += added
    result.irVersion = max(irVersion ?? 4, 4)
    result.removeUnused()
    return result
  }
}

/// Finds the nodes of a graph that can be left out, and the values that replace their outputs.
private struct Redundancy {
  private var names: [String: String] = [:]
  private var known: [String: String] = [:]
  private let outputs: Set<String>
  private(set) var isFound = false

  /// The value of float32 constants whose elements are all 0 or all 1.
  private var neutral: [String: Float] = [:]

  init(_ model: Model) {
    outputs = Set(model.graph.outputs.map(\.name))
    for (name, tensor) in model.fixedInitializers {
      guard tensor.elementType == .float32, tensor.count <= 1 << 16,
        let numbers = try? tensor.array(as: Float.self), let first = numbers.first,
        first == 0 || first == 1, numbers.allSatisfy({ $0 == first })
      else { continue }
      neutral[name] = first
    }
  }

  /// The input that equals the output because the other operand is neutral, such as 0 in a sum.
  private func operand(_ node: Node, _ types: [String: ValueType]) -> String? {
    guard let operand = node.facts?.neutralOperand, node.attributes.isEmpty,
      node.inputs.count == 2, let output = node.outputs.first,
      let shape = types[output]?.tensorType?.shape
    else { return nil }
    for place in operand.inputs where neutral[node.inputs[place]] == operand.value {
      let other = node.inputs[1 - place]
      guard let own = types[other]?.tensorType?.shape, own.rank == shape.rank,
        let constant = types[node.inputs[place]]?.tensorType?.shape?.sizes
      else { continue }
      // The constant must not broadcast the other operand.
      let padded = Array(repeating: 1, count: max(0, own.rank - constant.count)) + constant
      if zip(padded, own).allSatisfy({ $0 == 1 || $0 == $1.size }) { return other }
    }
    return nil
  }

  func rename(_ node: inout Node) {
    guard !names.isEmpty else { return }
    node.inputs = node.inputs.map { names[$0] ?? $0 }
    if !node.subgraphs.isEmpty { node.renameInSubgraphs { names[$0] ?? $0 } }
  }

  /// Whether no earlier value equals the node's output.
  mutating func isNeeded(
    _ node: Node, _ types: [String: ValueType], operatorSet: Int
  ) -> Bool {
    guard node.subgraphs.isEmpty, let output = node.outputs.first, !output.isEmpty,
      !outputs.contains(output)
    else { return true }
    if let input = node.isIdentity(types) ? node.inputs.first : operand(node, types) {
      names[output] = input
      isFound = true
      return false
    }
    guard Registry.normalized(domain: node.domain).isEmpty, node.outputs.count == 1,
      let key = node.key
    else { return true }
    if let same = known[key] {
      names[output] = same
      isFound = true
      return false
    }
    if (try? Registry.standard.make(node, operatorSet: operatorSet))?.operator.isPure == true {
      known[key] = output
    }
    return true
  }
}

extension Node {
  /// Equal for nodes that compute the same; `nil` where an attribute is not a number or a string.
  fileprivate var key: String? {
    var text = "\(operatorType)(\(inputs.joined(separator: "\0")))"
    for attribute in attributes.sorted(by: { $0.name < $1.name }) {
      switch attribute.value {
      case .int(let value): text += "\0\(attribute.name)=\(value)"
      case .ints(let values): text += "\0\(attribute.name)=\(values)"
      case .float(let value): text += "\0\(attribute.name)=\(value.bitPattern)f"
      case .string(let value): text += "\0\(attribute.name)='\(value.string)'"
      default: return nil
      }
    }
    return text
  }

  /// Whether its only output equals its first input.
  fileprivate func isIdentity(_ types: [String: ValueType]) -> Bool {
    guard let input = inputs.first, !input.isEmpty, let output = outputs.first,
      outputs.dropFirst().allSatisfy(\.isEmpty), let facts
    else { return false }
    return facts.isIdentity(self, input: types[input], output: types[output])
  }
}
