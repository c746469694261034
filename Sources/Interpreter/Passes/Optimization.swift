import ONNXFormat
import ONNXOperators
import ONNXOps

/// Runs these passes over a graph whose initializers are no inputs. It computes the same after.
/// - Parameters:
///   - types: what is known of each name
///   - ownsInitializers: whether nobody but this graph reads the initializers
func optimize(
  _ graph: inout Graph, _ passes: Set<Pass>, types: [String: ValueType],
  operatorSets: OperatorSets, engine: Engine, ownsInitializers: Bool
) {
  if passes.contains(.deadNodes) {
    removeDeadNodes(&graph)
    leaveOutUnusedOutputs(&graph, operatorSets: operatorSets)
  }
  if passes.contains(.constantFolding) { foldConstants(&graph, operatorSets, engine) }
  if passes.contains(.fusion) {
    fuseNodes(
      &graph, types: types, operatorSets: operatorSets, ownsInitializers: ownsInitializers)
  }
  if passes.contains(.chains) { chainElementwise(&graph, types: types, operatorSets: operatorSets) }
  if passes.contains(.deadNodes) { removeDeadNodes(&graph) }
}

extension Node {
  /// Every name the node uses: its inputs, and what its graph attributes may take from outside.
  public var usedNames: [String] {
    var names = inputs
    var waiting = attributes
    while let attribute = waiting.popLast() {
      guard case .graph(let graph) = attribute.value else { continue }
      names += graph.outputs.map(\.name)
      for node in graph.nodes {
        names += node.inputs
        waiting += node.attributes
      }
    }
    return names.filter { !$0.isEmpty }
  }

  var hasSubgraph: Bool {
    attributes.contains { if case .graph = $0.value { true } else { false } }
  }
}
