import ONNXFormat
import ONNXOperators

/// Leaves out outputs that nobody uses, where the operator need not make them. The number of outputs
/// stays the same, since some operators read their task from it.
public struct UnusedOutputRemoval: Pass {
  /// `unusedOutputs`.
  public let name = "unusedOutputs"

  /// The pass.
  public init() {}

  /// Empties the names of unused outputs. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    guard model.graph.nodes.contains(where: { $0.outputs.count > 1 }) else { return }
    var used = Set(model.graph.outputs.map(\.name))
    for node in model.graph.nodes { used.formUnion(node.usedNames) }
    for (index, node) in model.graph.nodes.enumerated() {
      let unused = node.outputs.indices.dropFirst().filter {
        !node.outputs[$0].isEmpty && !used.contains(node.outputs[$0])
      }
      guard !unused.isEmpty, let made = context.plainOperator(of: node) else { continue }
      for output in unused where output >= type(of: made).schema.outputs.lowerBound {
        model.graph.nodes[index].outputs[output] = ""
        context.note("output \(output) of \(node.operatorType)")
      }
    }
  }
}

extension Pass where Self == UnusedOutputRemoval {
  /// Leaves out outputs that nobody uses.
  public static var unusedOutputs: UnusedOutputRemoval { UnusedOutputRemoval() }
}
