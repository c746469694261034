import ONNXFormat
import ONNXOperators

/// Replaces several nodes by one operator that computes the same, such as the nodes of a layer
/// normalization. The rules stand beside the operators (`Operator.rewrites`).
///
/// Results change by rounding: an operator of its own rounds fewer values in between.
public struct NodeRewriting: Pass {
  /// `rewriting`.
  public let name = "rewriting"

  /// The pass.
  public init() {}

  /// Applies the rules of all operators, the largest patterns first. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    let rules = context.registry.rewrites
    guard model.graph.nodes.contains(where: { rules[$0.operatorType] != nil }) else { return }
    var view = GraphView(
      model.graph, types: context.types, registry: context.registry
    ) { [context] in
      context.version(of: $0)
    }
    for node in model.graph.nodes where node.hasSubgraph {
      for name in node.usedNames { view.addOutsideUse(of: name) }
    }
    // From the last node, so that a rule finds its pattern before a rule for a part of it does.
    for index in model.graph.nodes.indices.reversed() {
      guard let end = view.nodes[index] else { continue }
      for rule in rules[end.operatorType] ?? [] {
        guard let (node, replaced) = rule.apply(at: index, in: view) else { continue }
        view.replace(replaced, at: index, by: node)
        context.note("\(replaced.count) nodes → \(node.operatorType)")
        break
      }
    }
    model.graph.nodes = view.nodes.compactMap { $0 }
  }
}

extension Pass where Self == NodeRewriting {
  /// Replaces several nodes by one operator that computes the same.
  public static var rewriting: NodeRewriting { NodeRewriting() }
}
