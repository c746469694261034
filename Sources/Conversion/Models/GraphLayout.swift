/// A layered layout of a directed acyclic graph (Sugiyama, Tagawa and Toda 1981): layers by the longest
/// path, order within a layer by barycenters, and positions as near to the mean of the neighbours as
/// the order allows. Edges go downwards and cross little.
struct GraphLayout {
  /// A box, or a point at which an edge passes a layer.
  struct Vertex {
    var width: Double
    var height: Double
    var layer = 0
    /// The coordinates of the center.
    var x = 0.0
    var y = 0.0
    /// The index of the box; `nil` for a point of an edge.
    var box: Int?
  }

  private(set) var vertices: [Vertex]
  /// The vertices of each edge, from its first box to its second.
  private(set) var routes: [[Int]] = []
  private(set) var width = 0.0
  private(set) var height = 0.0
  private var layers: [[Int]] = []
  private var above: [[Int]] = []
  private var below: [[Int]] = []

  private static let gap = 24.0
  private static let layerGap = 46.0
  private static let mostVertices = 200_000

  /// - Parameters:
  ///   - sizes: width and height of each box
  ///   - inputs: boxes of inputs; boxes that do not depend on them are placed near their use
  ///   - edges: pairs of boxes, the first above the second
  /// - Returns: `nil` for a graph that has a cycle or is too large
  init?(
    sizes: [(width: Double, height: Double)], inputs: Set<Int>, edges: [(from: Int, to: Int)]
  ) {
    vertices = sizes.enumerated().map { index, size in
      Vertex(width: size.width, height: size.height, box: index)
    }
    guard assignLayers(edges, inputs), addRoutes(edges) else { return nil }
    order()
    place()
  }

  /// - Returns: whether the graph is acyclic
  private mutating func assignLayers(
    _ edges: [(from: Int, to: Int)], _ inputs: Set<Int>
  ) -> Bool {
    var waiting = [Int](repeating: 0, count: vertices.count)
    var next = [[Int]](repeating: [], count: vertices.count)
    for edge in edges {
      waiting[edge.to] += 1
      next[edge.from].append(edge.to)
    }
    var ready = vertices.indices.filter { waiting[$0] == 0 }
    var done = 0
    while done < ready.count {
      let vertex = ready[done]
      done += 1
      for other in next[vertex] {
        vertices[other].layer = max(vertices[other].layer, vertices[vertex].layer + 1)
        waiting[other] -= 1
        if waiting[other] == 0 { ready.append(other) }
      }
    }
    guard done == vertices.count else { return false }
    // Inputs, and boxes that do not depend on them, are placed right above their use.
    var depends = [Bool](repeating: false, count: vertices.count)
    for vertex in ready where inputs.contains(vertex) || depends[vertex] {
      for other in next[vertex] { depends[other] = true }
    }
    for vertex in ready.reversed() where !depends[vertex] {
      if let least = next[vertex].map({ vertices[$0].layer }).min() {
        vertices[vertex].layer = least - 1
      }
    }
    return true
  }

  private mutating func addRoutes(_ edges: [(from: Int, to: Int)]) -> Bool {
    for edge in edges {
      var route = [edge.from]
      let (first, last) = (vertices[edge.from].layer + 1, vertices[edge.to].layer)
      guard vertices.count + last - first <= Self.mostVertices else { return false }
      for layer in first..<max(last, first) {
        route.append(vertices.count)
        vertices.append(Vertex(width: 6, height: 0, layer: layer, box: nil))
      }
      routes.append(route + [edge.to])
    }
    above = [[Int]](repeating: [], count: vertices.count)
    below = above
    for route in routes {
      for (a, b) in zip(route, route.dropFirst()) {
        below[a].append(b)
        above[b].append(a)
      }
    }
    layers = [[Int]](repeating: [], count: (vertices.map(\.layer).max() ?? 0) + 1)
    for vertex in vertices.indices { layers[vertices[vertex].layer].append(vertex) }
    return true
  }

  private mutating func order() {
    var position = [Double](repeating: 0, count: vertices.count)
    func number(_ layer: [Int]) {
      for (index, vertex) in layer.enumerated() { position[vertex] = Double(index) }
    }
    for layer in layers { number(layer) }
    func sort(_ layer: Int, by neighbours: [[Int]]) {
      let keys = layers[layer].map { vertex in
        let list = neighbours[vertex]
        return list.isEmpty
          ? position[vertex] : list.reduce(0) { $0 + position[$1] } / Double(list.count)
      }
      layers[layer] = zip(layers[layer], keys).enumerated()
        .sorted { ($0.element.1, $0.offset) < ($1.element.1, $1.offset) }.map(\.element.0)
      number(layers[layer])
    }
    for _ in 0..<6 {
      for layer in layers.indices.dropFirst() { sort(layer, by: above) }
      for layer in layers.indices.dropLast().reversed() { sort(layer, by: below) }
    }
  }

  private mutating func place() {
    for layer in layers {
      var x = 0.0
      for vertex in layer {
        vertices[vertex].x = x + vertices[vertex].width / 2
        x += vertices[vertex].width + Self.gap
      }
    }
    for pass in 0..<12 {
      let downwards = pass % 2 == 0
      for layer in downwards ? Array(layers.indices) : layers.indices.reversed() {
        settle(layers[layer], around: downwards ? above : below)
      }
    }
    var y = 0.0
    for layer in layers {
      let height = layer.map { vertices[$0].height }.max() ?? 0
      for vertex in layer { vertices[vertex].y = y + height / 2 }
      y += height + Self.layerGap
    }
    height = max(y - Self.layerGap, 0)
    let left = vertices.map { $0.x - $0.width / 2 }.min() ?? 0
    for vertex in vertices.indices { vertices[vertex].x -= left }
    width = vertices.map { $0.x + $0.width / 2 }.max() ?? 0
  }

  /// Moves the vertices of a layer as near to the mean of their neighbours as their order allows:
  /// isotonic least squares, by pooling vertices that would overlap.
  private mutating func settle(_ layer: [Int], around neighbours: [[Int]]) {
    var groups: [(sum: Double, weight: Double, count: Int)] = []
    var offsets: [Double] = []
    var offset = 0.0
    for (index, vertex) in layer.enumerated() {
      if index > 0 {
        offset += (vertices[layer[index - 1]].width + vertices[vertex].width) / 2 + Self.gap
      }
      offsets.append(offset)
      let list = neighbours[vertex]
      let wanted =
        list.isEmpty
        ? vertices[vertex].x : list.reduce(0) { $0 + vertices[$1].x } / Double(list.count)
      // A straight long edge matters more than the position of a box.
      let weight = list.isEmpty ? 0.1 : vertices[vertex].box == nil ? 4 : 1.0
      groups.append(((wanted - offset) * weight, weight, 1))
      while groups.count > 1, let last = groups.last,
        case let previous = groups[groups.count - 2],
        previous.sum / previous.weight > last.sum / last.weight
      {
        groups.removeLast(2)
        groups.append(
          (previous.sum + last.sum, previous.weight + last.weight, previous.count + last.count))
      }
    }
    var index = 0
    for group in groups {
      for _ in 0..<group.count {
        vertices[layer[index]].x = group.sum / group.weight + offsets[index]
        index += 1
      }
    }
  }
}
