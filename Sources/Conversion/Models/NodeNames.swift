import ONNX

extension Graph {
  /// Makes the names of nodes unique. The nodes of `before` keep theirs.
  mutating func makeNodeNamesUnique(keeping before: Graph) {
    var taken = Set(before.nodes.compactMap(\.name))
    // Among several nodes of one name, those with the operator of an old node keep it.
    var left: [[String]: Int] = [:]
    for node in before.nodes { left[[node.name ?? "", node.operatorType], default: 0] += 1 }
    for index in nodes.indices {
      guard let name = nodes[index].name, !name.isEmpty else { continue }
      let key = [name, nodes[index].operatorType]
      if let count = left[key], count > 0 {
        left[key] = count - 1
        continue
      }
      var unique = name
      var number = 1
      while !taken.insert(unique).inserted {
        unique = "\(name)_\(number)"
        number += 1
      }
      nodes[index].name = unique
    }
  }
}
