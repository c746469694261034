import ONNXFormat
import ONNXOperators

/// The error for a graph with nodes that no operator runs: the first node's, or one that names all
/// missing operators if there are several.
/// - Parameters:
///   - error: the error of the first such node
///   - fail: adds that node to its error
func unknownOperators(
  in graph: Graph, _ operatorSets: OperatorSets, _ registry: Registry, first error: OperatorError,
  _ fail: (OperatorError) -> ModelError
) -> ModelError {
  var missing: [OperatorError] = []
  var seen: Set<OperatorError> = []
  var waiting = [graph]
  while let graph = waiting.popLast() {
    for node in graph.nodes {
      for attribute in node.attributes {
        if case .graph(let inner) = attribute.value { waiting.append(inner) }
      }
      guard let version = try? operatorSets.version(for: node, fail) else { continue }
      let domain = Registry.normalized(domain: node.domain)
      guard registry.find(node.operatorType, domain: domain, operatorSet: version) == nil
      else { continue }
      let error = OperatorError.unknownOperator(
        node.operatorType, domain: domain, version: version)
      if seen.insert(error).inserted { missing.append(error) }
    }
  }
  return missing.count > 1 ? .unknownOperators(missing) : fail(error)
}

/// All missing operators in one line.
func unknownOperatorsText(_ errors: [OperatorError]) -> String {
  var names: [String] = []
  var isStandard = true
  for case .unknownOperator(let name, let domain, let version) in errors {
    names.append(
      "'\(name)' in domain '\(domain.isEmpty ? "ai.onnx" : domain)' at version \(version)")
    if !OperatorError.isStandard(domain) { isStandard = false }
  }
  let most = 50
  let rest = names.count > most ? " and \(names.count - most) more" : ""
  return "no operator \(names.prefix(most).joined(separator: ", "))\(rest)"
    + (isStandard ? "" : OperatorError.operatorsHint)
}
