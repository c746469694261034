import ONNXFormat
import ONNXOperators

/// Nodes that only move elements.
extension IntegerSearch {
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
  mutating func moveDown() {
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
  mutating func moveUp() -> Bool {
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
}
