import ONNX

/// A drawing of a model's graph: a box for each input, node and output, coloured by kind. The box of a
/// node lists its constants. The bodies of control flow are drawn beside the graph.
public struct GraphDrawing: Sendable {
  /// The model's graph, then the graphs within its nodes.
  let panels: [GraphPanel]

  /// Prepares the drawing. The shapes of values are inferred where the model is valid.
  public init(_ model: Model) {
    panels = GraphPanel(model.graph, title: "", types: model.valueTypes(), constants: [:]).all
  }

  /// The kinds of boxes in the drawing, in the order of the legend.
  private var kinds: [OperatorKind] {
    let used = Set(panels.lazy.flatMap { $0.boxes.map(\.kind) })
    return OperatorKind.allCases.filter(used.contains)
  }

  /// The graph in the DOT language of Graphviz.
  public var dot: String {
    var text = "digraph {\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n"
    for (number, panel) in panels.enumerated() {
      let prefix = number == 0 ? "n" : "p\(number)n"
      if number > 0 {
        text += "  subgraph cluster_\(number) {\n  label=\"\(panel.title.inQuotes)\";\n"
      }
      for (index, box) in panel.boxes.enumerated() {
        let parts = [GraphBox.short(box.title), GraphBox.short(box.name)].filter { !$0.isEmpty }
        let label = (parts + box.lines).map(\.inQuotes).joined(separator: "\\n")
        let tooltip = box.tooltip.map(\.inQuotes).joined(separator: "\\n")
        text += "  \(prefix)\(index) [label=\"\(label)\", tooltip=\"\(tooltip)\", "
        text += "fillcolor=\"\(box.kind.fill)\"];\n"
      }
      for edge in panel.edges {
        let label = edge.label.isEmpty ? "" : " [label=\"\(edge.label.inQuotes)\"]"
        text += "  \(prefix)\(edge.from) -> \(prefix)\(edge.to)\(label);\n"
      }
      if number > 0 { text += "  }\n" }
    }
    text += "  subgraph cluster_legend {\n  label=\"legend\";\n"
    for kind in kinds {
      text += "  k\(kind.rawValue) [label=\"\(kind.name)\", fillcolor=\"\(kind.fill)\"];\n"
    }
    return text + "  }\n}\n"
  }

  /// The graph as an SVG image. A tall graph continues in further columns. Tooltips state the
  /// attributes, inputs and outputs of nodes.
  /// - Throws: `ConversionError` for a graph that has a cycle or is too large to lay out
  public func svg() throws(ConversionError) -> String {
    var pictures: [GraphPicture] = []
    for panel in panels { pictures.append(try GraphPicture(panel)) }
    let margin = 16.0
    // Bodies are set in rows that make the page somewhat wider than high.
    let area = pictures.reduce(0) { $0 + ($1.width + 20) * ($1.height + 20) }
    let widest = max(
      pictures.map(\.width).max() ?? 0, pictures.count > 1 ? (1.4 * area).squareRoot() : 0)
    let (legend, legendHeight) = legend(width: max(widest, 420))
    var body = legend
    var (x, y, rowHeight, width) = (0.0, legendHeight + 20, 0.0, 420.0)
    for (index, picture) in pictures.enumerated() {
      if index == 1 || x > 0 && x + picture.width > widest {
        (x, y, rowHeight) = (0, y + rowHeight + 20, 0)
      }
      body += "<g transform=\"translate(\(x.drawn) \(y.drawn))\">\n\(picture.svg)</g>\n"
      width = max(width, x + picture.width)
      rowHeight = max(rowHeight, picture.height)
      x += picture.width + 20
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" width="\((width + 2 * margin).drawn)" \
      height="\((y + rowHeight + 2 * margin).drawn)" font-family="sans-serif" font-size="11">
      <style>path { fill: none; stroke: #667 } .t { font-weight: bold; font-size: 12px } \
      text { text-anchor: middle; fill: #112 } .n { fill: #556; font-size: 10px } \
      .e { fill: #667; font-size: 9px; text-anchor: start } .h { stroke: #fff; stroke-width: 3px } \
      .l { text-anchor: start } .f { fill: none; stroke: #aab; stroke-dasharray: 4 3 } \
      .a { fill: #667; stroke: none }</style>
      <rect width="100%" height="100%" fill="#fff"/>
      <g transform="translate(\(margin.drawn) \(margin.drawn))">
      \(body)</g>
      </svg>

      """
  }

  /// The colours of the kinds, in rows of a width, and the height of the rows.
  private func legend(width: Double) -> (svg: String, height: Double) {
    var (x, y, svg) = (0.0, 0.0, "")
    for kind in kinds {
      let space = 22 + Double(kind.name.count) * 6.3 + 14
      if x > 0, x + space > width { (x, y) = (0, y + 20) }
      svg += """
        <rect x="\(x.drawn)" y="\(y.drawn)" width="16" height="12" rx="3" fill="\(kind.fill)" \
        stroke="#99a"/>
        <text class="l" x="\((x + 22).drawn)" y="\((y + 10).drawn)">\(kind.name)</text>

        """
      x += space
    }
    return (svg, y + 16)
  }
}

/// A laid-out graph as SVG. The graph of a node has a frame with its title.
private struct GraphPicture {
  private(set) var width: Double
  private(set) var height: Double
  private(set) var svg = ""

  init(_ panel: GraphPanel) throws(ConversionError) {
    let inputs = Set(panel.boxes.indices.filter { panel.boxes[$0].kind == .value })
    var values: [String: Int] = [:]
    for edge in panel.edges { values[edge.value] = values[edge.value] ?? values.count }
    guard
      let layout = GraphLayout(
        sizes: panel.boxes.map(\.size), inputs: inputs,
        edges: panel.edges.map { ($0.from, $0.to, values[$0.value] ?? 0) })
    else {
      throw ConversionError(
        "the graph has a cycle or is too large to draw; write a .dot file instead")
    }
    let isFramed = !panel.title.isEmpty
    let (side, top) = isFramed ? (12.0, 34.0) : (0, 0)
    let titleWidth = Double(panel.title.count) * 7.4 + 2 * side
    width = max(layout.width + 2 * side, isFramed ? titleWidth : 0)
    height = layout.height + side + top
    if isFramed {
      svg += """
        <rect class="f" width="\(width.drawn)" height="\(height.drawn)" rx="6"/>
        <text class="t l" x="\(side.drawn)" y="20">\(panel.title.inXML)</text>

        """
    }
    svg += "<g transform=\"translate(\(side.drawn) \(top.drawn))\">\n"
    for link in layout.links {
      svg += Self.path(layout.points(link), isWrapped: link.column != nil)
    }
    for vertex in layout.vertices where vertex.box == nil && vertex.height > 0 {
      let (x, y, half) = (vertex.x, vertex.y, vertex.height / 2)
      svg += "<path d=\"M\(x.drawn) \((y - half).drawn)V\((y + half).drawn)\"/>\n"
    }
    for link in layout.links where layout.vertices[link.to].box != nil {
      let tip = layout.points(link).last ?? (0, 0)
      svg +=
        "<path class=\"a\" d=\"M\((tip.x - 3).drawn) \((tip.y - 2).drawn)l3 6l3 -6z\"/>\n"
    }
    for (box, vertex) in zip(panel.boxes, layout.vertices) { svg += box.drawing(at: vertex) }
    for edge in panel.edges where !edge.label.isEmpty {
      let from = layout.vertices[edge.from]
      let place = "x=\"\((from.x + 5).drawn)\" y=\"\((from.y + from.height / 2 + 11).drawn)\""
      // A white outline keeps the label readable over lines.
      for style in ["e h", "e"] {
        svg += "<text class=\"\(style)\" \(place)>\(edge.label.inXML)</text>\n"
      }
    }
    svg += "</g>\n"
  }

  /// A curve between two points, or lines around a column.
  private static func path(_ points: [(x: Double, y: Double)], isWrapped: Bool) -> String {
    guard let first = points.first, let last = points.last else { return "" }
    var path = "M\(first.x.drawn) \(first.y.drawn)"
    if isWrapped {
      for point in points.dropFirst() { path += "L\(point.x.drawn) \(point.y.drawn)" }
    } else {
      let middle = ((first.y + last.y) / 2).drawn
      path +=
        "C\(first.x.drawn) \(middle) \(last.x.drawn) \(middle) \(last.x.drawn) \(last.y.drawn)"
    }
    return "<path d=\"\(path)\"/>\n"
  }
}
