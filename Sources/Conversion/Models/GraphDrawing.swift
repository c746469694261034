import ONNX

/// A drawing of a model's graph: a box for each input, node and output. The box of a node lists its
/// constants.
public struct GraphDrawing: Sendable {
  struct Box: Sendable {
    enum Kind { case value, plain, weighted, nested }
    var kind: Kind
    var title: String
    var lines: [String] = []
  }
  struct Edge: Sendable {
    var from: Int
    var to: Int
    var label: String
  }

  private(set) var boxes: [Box] = []
  private(set) var edges: [Edge] = []
  /// Values whose shapes label an edge already.
  private var stated: Set<String> = []

  /// Prepares the drawing. The shapes of values are inferred where the model is valid.
  public init(_ model: Model) {
    let types = model.valueTypes()
    let graph = model.graph
    var constants: [String: String] = [:]
    for initializer in graph.initializers {
      if let name = initializer.name { constants[name] = Self.text(initializer.tensor, name) }
    }
    for node in graph.nodes where node.isConstant {
      guard let name = node.outputs.first else { continue }
      constants[name] = Self.text(node.attributes[0], name)
    }
    // A constant that is an output has a box of its own.
    let outputs = Set(graph.outputs.map(\.name))
    let nodes = graph.nodes.filter { node in
      guard node.isConstant, let name = node.outputs.first else { return true }
      return outputs.contains(name)
    }
    for sparse in graph.sparseInitializers {
      guard let name = sparse.values.name else { continue }
      constants[name] = "\(Self.short(name)) sparse \(Shape(sparse.shape).drawn)"
    }
    var producers: [String: Int] = [:]
    for input in graph.inputs where constants[input.name] == nil {
      producers[input.name] = boxes.count
      boxes.append(Box(kind: .value, title: input.name, lines: [input.type?.drawn ?? ""]))
    }
    let first = boxes.count
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty { producers[output] = first + index }
      boxes.append(Self.box(node, constants))
    }
    for (index, node) in nodes.enumerated() {
      var seen: Set<String> = []
      for name in node.usedNames where seen.insert(name).inserted {
        connect(name, to: first + index, producers, types)
      }
    }
    for output in graph.outputs {
      boxes.append(Box(kind: .value, title: output.name, lines: [output.type?.drawn ?? ""]))
      connect(output.name, to: boxes.count - 1, producers, [:])
    }
  }

  private mutating func connect(
    _ name: String, to box: Int, _ producers: [String: Int], _ types: [String: ValueType]
  ) {
    guard let from = producers[name] else { return }
    // The box of an input states its type. A value is labelled once.
    let isStated = boxes[from].kind == .value || !stated.insert(name).inserted
    let label = isStated ? "" : types[name]?.tensorType?.shape?.drawn ?? ""
    edges.append(Edge(from: from, to: box, label: label))
  }

  private static func box(_ node: Node, _ constants: [String: String]) -> Box {
    var box = Box(kind: .plain, title: node.operatorType)
    for attribute in node.attributes {
      switch attribute.value {
      case .graph(let graph):
        box.kind = .nested
        box.lines.append("\(attribute.name): \(graph.nodes.count) nodes")
      // Defaults that exporters state.
      case .ints(let list) where attribute.name == "pads" && list.allSatisfy { $0 == 0 }: break
      case .ints(let list)
      where ["strides", "dilations"].contains(attribute.name) && list.allSatisfy { $0 == 1 }:
        break
      case .int(1) where attribute.name == "group": break
      case .ints(let list) where list.count <= 6:
        box.lines.append("\(attribute.name) \(list.map(String.init).joined(separator: ", "))")
      case .int(let number): box.lines.append("\(attribute.name) \(number)")
      case .float(let number): box.lines.append("\(attribute.name) \(number)")
      case .string(let text) where text.bytes.count <= 24:
        box.lines.append("\(attribute.name) \(text.string)")
      default: break
      }
    }
    box.lines = Array(box.lines.prefix(5))
    for name in node.inputs {
      guard let text = constants[name] else { continue }
      if box.kind == .plain, text.hasPrefix(Self.short(name)) { box.kind = .weighted }
      box.lines.append(text)
    }
    return box
  }

  /// The elements of a small constant, or the name and type of a larger one.
  private static func text(_ tensor: Tensor, _ name: String) -> String {
    if tensor.count <= 6, tensor.shape.count <= 1 {
      if let integers = tensor.integers { return integers.map(String.init).joined(separator: ", ") }
      if tensor.elementType == .float32, let numbers = try? tensor.array(as: Float.self) {
        return numbers.map(\.description).joined(separator: ", ")
      }
    }
    return "\(short(name)) \(tensor.type.drawn)"
  }

  private static func text(_ attribute: Attribute, _ name: String) -> String {
    switch attribute.value {
    case .tensor(let tensor): text(tensor.tensor, name)
    case .int(let number): "\(number)"
    case .float(let number): "\(number)"
    case .ints(let list) where list.count <= 6: list.map(String.init).joined(separator: ", ")
    case .floats(let list) where list.count <= 6:
      list.map(\.description).joined(separator: ", ")
    default: short(name)
    }
  }

  /// The name, or the end of a long one.
  static func short(_ name: String) -> String {
    name.count <= 24 ? name : "…" + name.suffix(23)
  }

  /// The graph in the DOT language of Graphviz.
  public var dot: String {
    var text = "digraph {\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n"
    for (index, box) in boxes.enumerated() {
      let label = ([Self.short(box.title)] + box.lines).map(\.inQuotes).joined(separator: "\\n")
      text += "  n\(index) [label=\"\(label)\", fillcolor=\"\(box.kind.fill)\"];\n"
    }
    for edge in edges {
      let label = edge.label.isEmpty ? "" : " [label=\"\(edge.label.inQuotes)\"]"
      text += "  n\(edge.from) -> n\(edge.to)\(label);\n"
    }
    return text + "}\n"
  }

  /// The graph as an SVG image.
  /// - Throws: `ConversionError` for a graph that has a cycle or is too large to lay out
  public func svg() throws(ConversionError) -> String {
    let sizes = boxes.map(\.size)
    let inputs = Set(boxes.indices.filter { boxes[$0].kind == .value })
    guard
      let layout = GraphLayout(
        sizes: sizes, inputs: inputs, edges: edges.map { ($0.from, $0.to) })
    else {
      throw ConversionError(
        "the graph has a cycle or is too large to draw; write a .dot file instead")
    }
    let margin = 16.0
    var text = """
      <svg xmlns="http://www.w3.org/2000/svg" width="\((layout.width + 2 * margin).drawn)" \
      height="\((layout.height + 2 * margin).drawn)" font-family="sans-serif" font-size="11">
      <style>path { fill: none; stroke: #667 } .t { font-weight: bold; font-size: 12px } \
      text { text-anchor: middle; fill: #112 } .e { fill: #778; font-size: 9px; text-anchor: start } \
      .h { stroke: #fff; stroke-width: 3px }</style>
      <rect width="100%" height="100%" fill="#fff"/>
      <g transform="translate(\(margin.drawn) \(margin.drawn))">

      """
    for (edge, route) in zip(edges, layout.routes) {
      text += Self.path(route.map { layout.vertices[$0] }, edge.label)
    }
    for (box, vertex) in zip(boxes, layout.vertices) { text += box.drawing(at: vertex) }
    return text + "</g>\n</svg>\n"
  }

  private static func path(_ route: [GraphLayout.Vertex], _ label: String) -> String {
    guard let first = route.first, let last = route.last else { return "" }
    var points = route.map { ($0.x, $0.y) }
    points[0].1 = first.y + first.height / 2
    points[points.count - 1].1 = last.y - last.height / 2 - 4
    var path = "M\(points[0].0.drawn) \(points[0].1.drawn)"
    for (a, b) in zip(points, points.dropFirst()) {
      let middle = (a.1 + b.1) / 2
      path +=
        "C\(a.0.drawn) \(middle.drawn) \(b.0.drawn) \(middle.drawn) \(b.0.drawn) \(b.1.drawn)"
    }
    let tip = points[points.count - 1]
    var text = "<path d=\"\(path)\"/>\n"
    text +=
      "<path d=\"M\((tip.0 - 3).drawn) \((tip.1 - 2).drawn)l3 6l3 -6z\" style=\"fill:#667\"/>\n"
    if !label.isEmpty {
      let place = "x=\"\((points[0].0 + 5).drawn)\" y=\"\((points[0].1 + 13).drawn)\""
      // A white outline keeps the label readable over lines.
      for style in ["e h", "e"] {
        text += "<text class=\"\(style)\" \(place)>\(label.inXML)</text>\n"
      }
    }
    return text
  }
}

extension Node {
  /// Whether the node is a `Constant`.
  fileprivate var isConstant: Bool {
    operatorType == "Constant" && Registry.normalized(domain: domain).isEmpty
      && attributes.count == 1
  }
}

extension GraphDrawing.Box {
  private var texts: [String] { lines.filter { !$0.isEmpty } }

  var size: (width: Double, height: Double) {
    let title = Double(GraphDrawing.short(title).count) * 7.6
    let longest = texts.map { Double($0.count) * 6.5 }.max() ?? 0
    return (max(title, longest, 40) + 18, 24 + Double(texts.count) * 14)
  }

  func drawing(at vertex: GraphLayout.Vertex) -> String {
    let (width, height) = size
    let top = vertex.y - height / 2
    var text = """
      <rect x="\((vertex.x - width / 2).drawn)" y="\(top.drawn)" width="\(width.drawn)" \
      height="\(height.drawn)" rx="\(kind == .value ? 12 : 4)" fill="\(kind.fill)" stroke="#99a"/>
      <text class="t" x="\(vertex.x.drawn)" y="\((top + 16).drawn)">\
      \(GraphDrawing.short(title).inXML)</text>

      """
    for (index, line) in texts.enumerated() {
      let y = top + 30 + Double(index) * 14
      text += "<text x=\"\(vertex.x.drawn)\" y=\"\(y.drawn)\">\(line.inXML)</text>\n"
    }
    return text
  }
}

extension GraphDrawing.Box.Kind {
  var fill: String {
    switch self {
    case .value: "#dcefdc"
    case .plain: "#eef0f5"
    case .weighted: "#d6e4f7"
    case .nested: "#f9e6cf"
    }
  }
}
