import ONNXFormat
import ToolSupport

/// A graph as text, with a line for each node: its number of operations, outputs, operator, inputs and
/// attributes.
struct GraphListing {
  private(set) var lines: [String] = []
  private(set) var totalOperations = 0
  private let types: [String: ValueType]

  /// The most characters of a line.
  private let columns: Int
  /// Whether to list all initializers.
  private let isWhole: Bool

  /// Initializers listed of a graph with more.
  private static let shownInitializers = 12

  /// - Parameters:
  ///   - types: the known types of values, by name
  ///   - isWhole: whether to list all initializers
  ///   - columns: the most characters of a line; longer ones continue on the next
  init(_ model: Model, types: [String: ValueType], isWhole: Bool, columns: Int) {
    self.types = types
    self.columns = columns
    self.isWhole = isWhole
    append(model.graph, indent: "")
    for function in model.functions {
      let arguments = function.inputs.joined(separator: ", ")
      lines.append(
        "function \(function.domain ?? "").\(function.name)(\(arguments)) {".escaped)
      for node in function.nodes { append(node, indent: "  ", isCounted: false) }
      lines.append("}")
    }
  }

  /// The reader limits the nesting of subgraphs and so the depth of this recursion.
  private mutating func append(_ graph: Graph, indent: String, name: String? = nil) {
    // Inputs with a value are listed as initializers.
    let initializers = Set(graph.initializers.compactMap(\.name))
    let given = graph.inputs.filter { !initializers.contains($0.name) }
    let inputs = given.map(\.text).joined(separator: ", ")
    add("\(indent)\(name ?? "graph \(graph.name ?? "")")(\(inputs)) {", indent: 4)
    if name == nil {
      let count = graph.initializers.count
      let shown = isWhole || count <= Self.shownInitializers ? count : Self.shownInitializers - 1
      let space = String(repeating: " ", count: Self.countWidth)
      for initializer in graph.initializers.prefix(shown) {
        add("\(space)\(indent)  \(initializer.name ?? ""): \(initializer.tensor.type)", indent: 15)
      }
      if shown < count {
        lines.append("\(space)\(indent)  … \(count - shown) more initializers; --all lists them")
      }
    }
    for node in graph.nodes { append(node, indent: indent + "  ", isCounted: name == nil) }
    let outputs = graph.outputs.map(\.name).joined(separator: ", ")
    add(
      "\(String(repeating: " ", count: Self.countWidth))\(indent)  → \(outputs)", indent: 15)
    lines.append("\(indent)}")
  }

  private static let countWidth = 9

  /// Adds a line, which continues on further ones where it is too long.
  /// - Parameter indent: the spaces before a continuation
  private mutating func add(_ line: String, indent: Int) {
    var rest = Substring(line.escaped)
    var limit = columns
    var space = ""
    while rest.count > limit {
      let head = rest.prefix(limit)
      // The spaces at the start are no place to break.
      guard let place = head.lastIndex(of: " "), head[..<place].contains(where: { $0 != " " })
      else { break }
      lines.append(space + rest[..<place])
      rest = rest[rest.index(after: place)...].drop { $0 == " " }
      space = String(repeating: " ", count: min(indent, columns / 2))
      limit = columns - space.count
    }
    lines.append(space + rest)
  }

  private mutating func append(_ node: Node, indent: String, isCounted: Bool) {
    var count = ""
    if isCounted, let operations = operationCount(node, types) {
      totalOperations = totalOperations.addingReportingOverflow(operations).partialValue
      count = formattedCount(operations)
    }
    let outputs = node.outputs.map { name in
      name.isEmpty ? "_" : types[name].map { "\(name): \($0)" } ?? name
    }
    let inputs = node.inputs.map { $0.isEmpty ? "_" : $0 }
    var graphs: [(name: String, graph: Graph)] = []
    var attributes: [String] = []
    for attribute in node.attributes {
      switch attribute.value {
      case .graph(let graph): graphs.append((attribute.name, graph))
      case .graphs(let list):
        for (index, graph) in list.enumerated() {
          graphs.append(("\(attribute.name)[\(index)]", graph))
        }
      default: attributes.append("\(attribute.name)=\(attribute.value.text)")
      }
    }
    let domain = node.domain.map { $0.isEmpty || $0 == "ai.onnx" ? "" : $0 + "." } ?? ""
    var line = String(repeating: " ", count: max(Self.countWidth - count.count, 0)) + count + indent
    line += "\(outputs.joined(separator: ", ")) = \(domain)\(node.operatorType)"
    line += "(\(inputs.joined(separator: ", ")))"
    if !attributes.isEmpty { line += " {\(attributes.joined(separator: ", "))}" }
    if let name = node.name, !name.isEmpty, name != node.outputs.first { line += "  # \(name)" }
    add(line, indent: Self.countWidth + indent.count + 4)
    for (name, graph) in graphs { append(graph, indent: indent + "  ", name: name) }
  }
}

extension Attribute.Value {
  /// The value on one line, shortened where it is long.
  fileprivate var text: String {
    switch self {
    case .float(let value): "\(value)"
    case .int(let value): "\(value)"
    case .string(let value): "\"\(value.string.shortened)\""
    case .tensor(let value): value.tensor.text
    case .sparseTensor(let value): "sparse \(Shape(value.shape))"
    case .type(let value): "\(value)"
    case .floats(let values): list(values.map { "\($0)" })
    case .ints(let values): list(values.map { "\($0)" })
    case .strings(let values): list(values.map { "\"\($0.string.shortened)\"" })
    case .tensors(let values): list(values.map(\.tensor.text))
    case .sparseTensors(let values): list(values.map { "sparse \(Shape($0.shape))" })
    case .types(let values): list(values.map { "\($0)" })
    case .graph, .graphs: "graph"
    case .reference(let name, _): "@\(name)"
    }
  }

  private func list(_ items: [String]) -> String {
    let shown = items.prefix(8).joined(separator: ", ")
    return "[\(shown)\(items.count > 8 ? ", … \(items.count)" : "")]"
  }
}

extension Tensor {
  /// The type, and the elements of a tensor of at most four integers or floats.
  fileprivate var text: String {
    guard count <= 4 else { return "\(type)" }
    let values: [String]
    switch elementType {
    case .float32: values = elements(as: Float.self).map { "\($0)" }
    case .int64: values = elements(as: Int64.self).map { "\($0)" }
    case .int32: values = elements(as: Int32.self).map { "\($0)" }
    default: return "\(type)"
    }
    return "\(type)(\(values.joined(separator: ", ")))"
  }
}
