import ONNX

extension Model {
  /// The model without nodes that hand their input on, and with each computation once.
  func withoutRedundantNodes() -> Model {
    var result = self
    let types = valueTypes()
    let versions = operatorSets.version(of: "") ?? 1
    let replaceable = Set(irVersion ?? 0 >= 4 ? graph.inputs.map(\.name) : [])
    var redundancy = Redundancy(graph, replaceable: replaceable)
    result.graph.nodes = graph.nodes.compactMap { node in
      var node = node
      redundancy.rename(&node)
      return redundancy.isNeeded(node, types, operatorSet: versions) ? node : nil
    }
    guard redundancy.isAny else { return self }
    let made = Set(result.graph.nodes.flatMap(\.outputs))
    let known = made.union(graph.inputs.map(\.name))
    result.graph.valueInfos.removeAll { !known.contains($0.name) }
    return result
  }

  /// The model with the sizes that are known among those a `Shape` makes, where others are not, as
  /// constants.
  func withKnownSizes() -> Model {
    let types = valueTypes()
    var shapes: [String: Shape] = [:]
    var constants: [String: Tensor] = [:]
    let replaceable = Set(irVersion ?? 0 >= 4 ? graph.inputs.map(\.name) : [])
    for initializer in graph.initializers {
      if let name = initializer.name, !replaceable.contains(name) {
        constants[name] = initializer.tensor
      }
    }
    var result = self
    var added: [NamedTensor] = []
    result.graph.nodes.removeAll { node in
      guard Registry.normalized(domain: node.domain).isEmpty, let output = node.outputs.first,
        let input = node.inputs.first
      else { return false }
      switch node.operatorType {
      case "Shape":
        guard let shape = types[input]?.tensorType?.shape else { return false }
        let range = node.range(of: shape.rank)
        shapes[output] = Shape(range.map { shape[$0] })
        return false
      case "Gather", "Slice":
        guard let shape = shapes[input],
          let places = node.places(of: shape.rank, constants)
        else { return false }
        let sizes = places.list.compactMap { shape[$0].size.map(Int64.init) }
        if places.list.count > 1 || places.isList {
          shapes[output] = Shape(places.list.map { shape[$0] })
        }
        guard sizes.count == places.list.count else { return false }
        added.append(NamedTensor(output, Tensor(shape: places.isList ? [sizes.count] : [], sizes)))
        return true
      default: return false
      }
    }
    guard !added.isEmpty else { return self }
    result.graph.initializers += added
    result.irVersion = max(irVersion ?? 4, 4)
    result.removeUnused()
    return result
  }
}

extension Node {
  /// The dimensions that a `Shape` shows.
  fileprivate func range(of rank: Int) -> Range<Int> {
    func place(_ name: String, _ value: Int) -> Int {
      let given = integer(name) ?? value
      return Swift.min(Swift.max(given < 0 ? given + rank : given, 0), rank)
    }
    let start = place("start", 0)
    return start..<Swift.max(start, place("end", rank))
  }

  /// Which elements of a list a `Gather` or a `Slice` takes.
  fileprivate func places(
    of count: Int, _ constants: [String: Tensor]
  ) -> (list: [Int], isList: Bool)? {
    func integers(_ input: Int) -> [Int]? {
      input < inputs.count ? constants[inputs[input]]?.integers : nil
    }
    if operatorType == "Gather" {
      guard let indices = integers(1), let shape = constants[inputs[1]]?.shape, shape.count < 2,
        integer("axis") ?? 0 == 0, indices.allSatisfy({ (-count..<count).contains($0) })
      else { return nil }
      return (indices.map { $0 < 0 ? $0 + count : $0 }, shape.count == 1)
    }
    guard inputs.count >= 3, let start = integers(1)?.first, let end = integers(2)?.first,
      inputs.count < 5 || integers(4) == [1]
    else { return nil }
    func place(_ given: Int) -> Int {
      Swift.min(Swift.max(given < 0 ? given + count : given, 0), count)
    }
    return (Array(place(start)..<Swift.max(place(start), place(end))), true)
  }
}

/// What can be left out of a graph.
private struct Redundancy {
  private var names: [String: String] = [:]
  private var known: [String: String] = [:]
  private let outputs: Set<String>
  private(set) var isAny = false

  /// What is all 0, or all 1, of float32.
  private var neutral: [String: Float] = [:]

  init(_ graph: Graph, replaceable: Set<String>) {
    outputs = Set(graph.outputs.map(\.name))
    for initializer in graph.initializers {
      guard let name = initializer.name, !replaceable.contains(name),
        initializer.tensor.elementType == .float32, initializer.tensor.count <= 1 << 16,
        let numbers = try? initializer.tensor.array(as: Float.self), let first = numbers.first,
        first == 0 || first == 1, numbers.allSatisfy({ $0 == first })
      else { continue }
      neutral[name] = first
    }
  }

  /// Which input arithmetic hands on: the other is 0 in a sum, or 1 in a product.
  private func operand(_ node: Node, _ types: [String: ValueType]) -> String? {
    let number: Float = ["Add", "Sub"].contains(node.operatorType) ? 0 : 1
    guard ["Add", "Sub", "Mul", "Div"].contains(node.operatorType), node.attributes.isEmpty,
      node.inputs.count == 2, let output = node.outputs.first,
      let shape = types[output]?.tensorType?.shape
    else { return nil }
    let places = ["Sub", "Div"].contains(node.operatorType) ? [1] : [1, 0]
    for place in places where neutral[node.inputs[place]] == number {
      let other = node.inputs[1 - place]
      guard let own = types[other]?.tensorType?.shape, own.rank == shape.rank,
        let constant = types[node.inputs[place]]?.tensorType?.shape?.sizes
      else { continue }
      // What is constant must not make more of the other.
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

  /// Whether nothing that was before makes what the node makes.
  mutating func isNeeded(
    _ node: Node, _ types: [String: ValueType], operatorSet: Int
  ) -> Bool {
    guard Registry.normalized(domain: node.domain).isEmpty, node.subgraphs.isEmpty,
      let output = node.outputs.first, !output.isEmpty, !outputs.contains(output)
    else { return true }
    if let input = node.handsOn(types) ? node.inputs.first : operand(node, types) {
      names[output] = input
      isAny = true
      return false
    }
    guard node.outputs.count == 1, let key = node.key, known[key] == nil,
      (try? Registry.standard.make(node, operatorSet: operatorSet))?.operator.isPure == true
    else {
      guard node.outputs.count == 1, let key = node.key, let same = known[key] else { return true }
      names[output] = same
      isAny = true
      return false
    }
    known[key] = output
    return true
  }
}

extension Node {
  /// What it computes, of what; `nil` where attributes hold more than numbers and texts.
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

  /// Whether its output is its first input.
  fileprivate func handsOn(_ types: [String: ValueType]) -> Bool {
    let others = outputs.dropFirst().contains { !$0.isEmpty }
    guard let input = inputs.first, !input.isEmpty, !others, let output = outputs.first else {
      return false
    }
    switch operatorType {
    case "Identity": return true
    case "Concat": return inputs.count == 1
    case "Dropout": return inputs.count < 3 && integer("is_test") ?? 1 == 1
    case "Cast":
      guard let type = types[input]?.tensorType?.elementType, type != .undefined else {
        return false
      }
      return integer("to") == Int(type.rawValue)
    case "Transpose":
      guard case .ints(let order)? = attribute("perm")?.value else { return false }
      return order.enumerated().allSatisfy { $0.element == $0.offset }
    case "Reshape", "Expand", "Flatten":
      guard let before = types[input]?.tensorType?.shape?.sizes else { return false }
      return before == types[output]?.tensorType?.shape?.sizes
    default: return false
    }
  }
}
