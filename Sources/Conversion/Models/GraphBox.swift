import ONNX
import ONNXSupport

/// A box of a drawing.
struct GraphBox: Sendable {
  let kind: OperatorKind
  let title: String
  /// The name of a node, or of its first output; empty for a value.
  var name = ""
  var lines: [String] = []
  /// Everything that the box does not show, line by line.
  var tooltip: [String] = []

  /// The box of an input or output.
  init(_ info: ValueInfo, role: String) {
    kind = .value
    title = info.name
    lines = [Self.short(info.type?.drawn ?? "")].filter { !$0.isEmpty }
    tooltip = ["\(role) \(Self.typed(info.name, info.type))"]
    if role == "outside" { lines.append("from outside") }
  }

  /// The box of a node.
  /// - Parameter constants: the texts of the constants by name
  init(_ node: Node, _ constants: [String: String], _ types: [String: ValueType]) {
    kind = OperatorKind(node)
    title = node.operatorType
    name = node.label
    lines = Array(node.attributes.compactMap(Self.line).prefix(5))
    let weights = node.inputs.compactMap { constants[$0] }
    lines += weights.prefix(weights.count > 5 ? 4 : 5)
    if weights.count > 5 { lines.append("\(weights.count - 4) more constants") }
    let domain = node.domain.map { $0.isEmpty ? "" : " of \($0)" } ?? ""
    tooltip = [node.operatorType + domain]
    if let name = node.name, !name.isEmpty { tooltip.append("name \(name.clipped(120))") }
    tooltip += node.attributes.map { "\($0.name) = \(Self.full($0))" }
    for (kind, names) in [("input", node.inputs), ("output", node.outputs)] {
      let stated = names.filter { !$0.isEmpty }
      tooltip += stated.prefix(12).map { "\(kind) \(Self.typed($0, types[$0]))" }
      if stated.count > 12 { tooltip.append("\(stated.count - 12) more \(kind)s") }
    }
  }

  static func typed(_ name: String, _ type: ValueType?) -> String {
    let name = name.clipped(120)
    return type.map { "\(name): \($0)" } ?? name
  }

  /// An attribute as a line of the box; `nil` for one that is too long, or a default that exporters
  /// state.
  private static func line(_ attribute: Attribute) -> String? {
    let name = attribute.name
    switch attribute.value {
    case .graph(let graph): return "\(name): \(graph.nodes.count) nodes"
    case .ints(let list) where name == "pads" && list.allSatisfy { $0 == 0 }: return nil
    case .ints(let list)
    where ["strides", "dilations"].contains(name) && list.allSatisfy { $0 == 1 }:
      return nil
    case .int(1) where name == "group": return nil
    case .ints(let list) where list.count > 6: return nil
    case .string(let text) where text.bytes.count > 24: return nil
    case .ints, .int, .float, .string: return "\(name) \(full(attribute))"
    default: return nil
    }
  }

  /// The value of an attribute, cut to the length of a line.
  private static func full(_ attribute: Attribute) -> String {
    func list<T>(_ values: [T], _ text: (T) -> String) -> String {
      values.prefix(16).map(text).joined(separator: ", ")
        + (values.count > 16 ? ", … (\(values.count))" : "")
    }
    return switch attribute.value {
    case .int(let number): "\(number)"
    case .float(let number): formatted(Double(number))
    case .string(let text): text.string.clipped(100)
    case .ints(let values): list(values) { "\($0)" }
    case .floats(let values): list(values) { formatted(Double($0)) }
    case .strings(let values): list(values) { $0.string.clipped(40) }
    case .tensor(let tensor): tensor.tensor.type.drawn
    case .graph(let graph): "a graph of \(graph.nodes.count) nodes"
    default: "…"
    }
  }

  /// The elements of a small constant, or the name and type of a larger one.
  static func text(_ tensor: Tensor, _ name: String) -> String {
    if tensor.count <= 6, tensor.shape.count <= 1, let integers = tensor.integers {
      // The end of a slice to the end.
      return integers.map { $0 == .max ? "max" : "\($0)" }.joined(separator: ", ")
    }
    if tensor.count == 1, tensor.elementType == .float32,
      let number = try? tensor.array(as: Float.self).first
    {
      return formatted(Double(number))
    }
    return "\(short(name)) \(tensor.type.drawn)"
  }

  /// The value of a `Constant`.
  static func text(_ attribute: Attribute, _ name: String) -> String {
    switch attribute.value {
    case .tensor(let tensor): text(tensor.tensor, name)
    case .int, .float: full(attribute)
    case .ints(let list) where list.count <= 6: full(attribute)
    case .floats(let list) where list.count <= 6: full(attribute)
    default: short(name)
    }
  }

  /// The name, or the end of a long one.
  static func short(_ name: String) -> String {
    name.count <= 24 ? name : "…" + name.suffix(23)
  }
}

extension GraphBox {
  /// The size in pixels. Letters of 11 pixels are about 6.3 wide.
  var size: (width: Double, height: Double) {
    let widths =
      [Double(Self.short(title).count) * 7.4, Double(Self.short(name).count) * 5.8]
      + lines.map { Double($0.count) * 6.3 }
    let height = 22 + (name.isEmpty ? 0 : 12.0) + Double(lines.count) * 13
    return (max(widths.max() ?? 0, 36) + 16, height)
  }

  /// The box as SVG, with its tooltip.
  func drawing(at vertex: GraphLayout.Vertex) -> String {
    let (width, height) = size
    let top = vertex.y - height / 2
    var text = """
      <g><title>\(tooltip.map(\.inXML).joined(separator: "\n"))</title>
      <rect x="\((vertex.x - width / 2).drawn)" y="\(top.drawn)" width="\(width.drawn)" \
      height="\(height.drawn)" rx="\(kind == .value ? 12 : 4)" fill="\(kind.fill)" stroke="#99a"/>
      <text class="t" x="\(vertex.x.drawn)" y="\((top + 15).drawn)">\(Self.short(title).inXML)</text>

      """
    var y = top + 15
    if !name.isEmpty {
      y += 12
      text +=
        "<text class=\"n\" x=\"\(vertex.x.drawn)\" y=\"\(y.drawn)\">\(Self.short(name).inXML)</text>\n"
    }
    for line in lines {
      y += 13
      text += "<text x=\"\(vertex.x.drawn)\" y=\"\(y.drawn)\">\(line.inXML)</text>\n"
    }
    return text + "</g>\n"
  }
}
