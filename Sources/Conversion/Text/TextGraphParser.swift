import ONNX

extension TextParser {
  /// A graph after its name: inputs, outputs, initializers and types of values, nodes.
  mutating func graph(named name: String) throws(ConversionError) -> Graph {
    try nested { (parser) throws(ConversionError) in try parser.nestedGraph(named: name) }
  }

  private mutating func nestedGraph(named name: String) throws(ConversionError) -> Graph {
    try take(MemoryLayout<Graph>.stride)
    var graph = Graph(name: name)
    graph.inputs = try valueInfos("(", ")", initializers: &graph.initializers, keepsTyped: true)
    try scanner.expectArrow()
    graph.outputs = try list("(", ")") { (parser) throws(ConversionError) in
      try parser.valueInfo()
    }
    if scanner.peek() == "<" {
      graph.valueInfos = try valueInfos(
        "<", ">", initializers: &graph.initializers, keepsTyped: false)
    }
    graph.nodes = try nodes()
    return graph
  }

  mutating func nodes() throws(ConversionError) -> [Node] {
    try scanner.expect("{")
    var nodes: [Node] = []
    while !scanner.take("}") { nodes.append(try node()) }
    return nodes
  }

  /// `float[N] x`, or a name without a type.
  mutating func valueInfo() throws(ConversionError) -> ValueInfo {
    try take(MemoryLayout<ValueInfo>.stride)
    let type = isAtType() ? try type() : nil
    return ValueInfo(try scanner.name(), type)
  }

  /// Values, some with elements. Those are initializers, and also values of the list if `keepsTyped`
  /// is set.
  private mutating func valueInfos(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, initializers: inout [NamedTensor],
    keepsTyped: Bool
  ) throws(ConversionError) -> [ValueInfo] {
    var found: [NamedTensor] = []
    let infos = try list(open, close) { (parser) throws(ConversionError) -> ValueInfo? in
      let info = try parser.valueInfo()
      guard parser.scanner.take("=") else { return info }
      found.append(try parser.tensor(info.type ?? ValueType(.undefined), name: info.name))
      return keepsTyped ? info : nil
    }
    initializers += found
    return infos.compactMap { $0 }
  }

  /// `[name] y, z = domain.Operator:overload <attributes> (a, b)`
  private mutating func node() throws(ConversionError) -> Node {
    try take(MemoryLayout<Node>.stride)
    var node = Node("", domain: "", inputs: [], outputs: [])
    if scanner.take("[") {
      node.name = try scanner.optionalName() ?? ""
      try scanner.expect("]")
    }
    node.outputs = try names()
    try scanner.expect("=")
    node.operatorType = try scanner.name()
    while scanner.take(".") {
      let first = node.domain ?? ""
      node.domain = (first.isEmpty ? "" : first + ".") + node.operatorType
      node.operatorType = try scanner.name()
    }
    if scanner.take(":") { node.overload = try scanner.name() }
    node.attributes = try attributes()
    try scanner.expect("(")
    node.inputs = try names()
    try scanner.expect(")")
    if node.attributes.isEmpty { node.attributes = try attributes() }
    return node
  }

  /// Names separated by commas. A name may be missing, which gives an empty one, except for the last.
  private mutating func names() throws(ConversionError) -> [String] {
    var names: [String] = []
    while true {
      try take(MemoryLayout<String>.stride)
      if let name = try scanner.optionalName() {
        names.append(name)
      } else if scanner.peek() == "," {
        names.append("")
      } else {
        return names
      }
      if !scanner.take(",") { return names }
    }
  }
}
