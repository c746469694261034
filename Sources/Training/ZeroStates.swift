import ONNXFormat
import ONNXInterpreter

/// The initializers that hold only zeros and are used only as initial states of recurrent nodes.
///
/// A model exported for one batch size holds its zero states as tensors. They are constants, not
/// parameters.
/// - Parameter graph: A graph in topological order.
func zeroStates(_ graph: Graph) -> Set<String> {
  var states: Set<String> = []
  var others = Set(graph.outputs.map(\.name))
  for node in graph.nodes.reversed() {
    if ["RNN", "GRU", "LSTM"].contains(node.operatorType) {
      for (index, name) in node.inputs.enumerated() {
        if index == 5 || index == 6 { states.insert(name) } else { others.insert(name) }
      }
    } else if movesElements.contains(node.operatorType), let source = node.inputs.first,
      node.outputs.allSatisfy({ states.contains($0) && !others.contains($0) })
    {
      states.insert(source)
    } else {
      others.formUnion(node.usedNames)
    }
  }
  return Set(
    graph.initializers.compactMap { initializer in
      guard let name = initializer.name, states.contains(name), !others.contains(name),
        initializer.tensor.isZero
      else { return nil }
      return name
    })
}

/// Operators whose output consists of elements of their first input.
private let movesElements: Set = [
  "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Tile", "Transpose",
  "Unsqueeze",
]

extension Tensor {
  fileprivate var isZero: Bool {
    switch elementType {
    case .float32: elements(as: Float.self).allSatisfy { $0 == 0 }
    case .float64: elements(as: Double.self).allSatisfy { $0 == 0 }
    default: false
    }
  }
}
