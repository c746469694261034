import ONNX
import ONNXOperators

extension Graph {
  /// States the output types of `Cast`, which readers cannot infer before operator set 6.
  mutating func stateTypesOfCasts(_ scope: ConversionScope) {
    let stated = Set((valueInfos + inputs + outputs).map(\.name))
    for node in nodes where node.operatorType == "Cast" {
      guard let name = node.outputs.first, !stated.contains(name), let type = scope.type(of: name)
      else { continue }
      valueInfos.append(ValueInfo(name, type))
    }
  }

  /// Replaces `Constant` nodes of other than floating-point types, which do not exist before operator
  /// set 9, with initializers.
  mutating func moveConstantsToInitializers() {
    let wanted = Set(outputs.map(\.name))
    nodes.removeAll { node in
      guard node.operatorType == "Constant", Registry.normalized(domain: node.domain).isEmpty,
        let name = node.outputs.first, !wanted.contains(name),
        let tensor = node.attribute("value")?.tensorValue,
        !TypeSet.floats.contains(tensor.elementType)
      else { return false }
      initializers.append(NamedTensor(name, tensor))
      return true
    }
  }
}

/// Removes `Constant` nodes that were used before a conversion and are not used after it.
/// - Returns: the names of the values that are used
@discardableResult
func removeConstants(
  _ nodes: inout [Node], unusedSince before: [Node], wanted: [String]
) -> Set<String> {
  let used = Set(nodes.flatMap(\.usedNames)).union(wanted)
  let old = Set(before.flatMap(\.usedNames))
  nodes.removeAll { node in
    guard node.operatorType == "Constant", Registry.normalized(domain: node.domain).isEmpty,
      let name = node.outputs.first
    else { return false }
    return old.contains(name) && !used.contains(name)
  }
  return used
}
