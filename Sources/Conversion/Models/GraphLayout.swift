/// A layered layout of a directed acyclic graph (Sugiyama, Tagawa and Toda 1981): layers by the longest
/// path, order within a layer by barycenters, and positions as near to the mean of the neighbours as
/// the order allows. Edges go downwards and cross little. The layers of a tall graph continue at the top
/// of further columns.
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

  /// A part of an edge, from one layer to the next.
  struct Link {
    var from: Int
    var to: Int
    /// The column that the link leaves; `nil` within a column.
    var column: Int?
    /// The place of a link among those that leave its column, from the inside out.
    var track = 0
  }

  private(set) var vertices: [Vertex]
  private(set) var links: [Link] = []
  private(set) var width = 0.0
  private(set) var height = 0.0
  private var layers: [[Int]] = []
  private var above: [[Int]] = []
  private var below: [[Int]] = []
  /// The right edge and the bottom of each column.
  private var ends: [(x: Double, y: Double)] = []
  private var tracks: [Int] = []

  private static let gap = 24.0
  private static let layerGap = 36.0
  private static let trackGap = 7.0
  private static let mostVertices = 200_000

  /// - Parameters:
  ///   - sizes: width and height of each box
  ///   - inputs: boxes of inputs; boxes that do not depend on them are placed near their use
  ///   - edges: pairs of boxes, the first above the second, and the number of the value. Edges of a
  ///     value share their way.
  /// - Returns: `nil` for a graph that has a cycle or is too large
  init?(
    sizes: [(width: Double, height: Double)], inputs: Set<Int>,
    edges: [(from: Int, to: Int, value: Int)]
  ) {
    vertices = sizes.enumerated().map { index, size in
      Vertex(width: size.width, height: size.height, box: index)
    }
    guard assignLayers(edges, inputs), addLinks(edges) else { return nil }
    order()
    place()
  }

  /// - Returns: whether the graph is acyclic
  private mutating func assignLayers(
    _ edges: [(from: Int, to: Int, value: Int)], _ inputs: Set<Int>
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
    // Boxes that do not depend on inputs, and inputs that are used late, are placed right above their
    // use.
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

  private mutating func addLinks(_ edges: [(from: Int, to: Int, value: Int)]) -> Bool {
    struct Place: Hashable { var value: Int, layer: Int }
    struct Pair: Hashable { var from: Int, to: Int }
    var passing: [Place: Int] = [:]
    var known: Set<Pair> = []
    for edge in edges {
      var last = edge.from
      func link(to vertex: Int) {
        if known.insert(Pair(from: last, to: vertex)).inserted {
          links.append(Link(from: last, to: vertex))
        }
        last = vertex
      }
      let (first, end) = (vertices[edge.from].layer + 1, vertices[edge.to].layer)
      guard vertices.count + end - first <= Self.mostVertices else { return false }
      for layer in first..<max(end, first) {
        let place = Place(value: edge.value, layer: layer)
        if passing[place] == nil {
          passing[place] = vertices.count
          vertices.append(Vertex(width: 6, height: 0, layer: layer, box: nil))
        }
        link(to: passing[place] ?? 0)
      }
      link(to: edge.to)
    }
    above = [[Int]](repeating: [], count: vertices.count)
    below = above
    for link in links {
      below[link.from].append(link.to)
      above[link.to].append(link.from)
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
    let heights = layers.map { layer in layer.map { vertices[$0].height }.max() ?? 0 }
    let columns = GraphColumns(
      widths: layers.map { $0.reduce(0) { $0 + vertices[$1].width + Self.gap } },
      heights: heights.map { $0 + Self.layerGap }, crossings: crossings)
    var column = [Int](repeating: 0, count: layers.count)
    for (index, range) in columns.ranges.enumerated() {
      for layer in range { column[layer] = index }
    }
    func isInside(_ a: Int, _ b: Int) -> Bool {
      column[vertices[a].layer] == column[vertices[b].layer]
    }
    for vertex in vertices.indices {
      above[vertex].removeAll { !isInside($0, vertex) }
      below[vertex].removeAll { !isInside($0, vertex) }
    }
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
    tracks = [Int](repeating: 0, count: columns.ranges.count)
    for index in links.indices where !isInside(links[index].from, links[index].to) {
      links[index].column = column[vertices[links[index].from].layer]
    }
    numberTracks()
    let top = Double(tracks.max() ?? 0) * Self.trackGap + ((tracks.max() ?? 0) > 0 ? 14 : 0)
    var left = 0.0
    for (index, range) in columns.ranges.enumerated() {
      var y = top
      for layer in range {
        for vertex in layers[layer] {
          vertices[vertex].y = y + heights[layer] / 2
          // An edge passes a layer straight.
          if vertices[vertex].box == nil { vertices[vertex].height = heights[layer] }
        }
        y += heights[layer] + Self.layerGap
      }
      let members = range.flatMap { layers[$0] }
      let least = members.map { vertices[$0].x - vertices[$0].width / 2 }.min() ?? 0
      for vertex in members { vertices[vertex].x += left - least }
      width = members.map { vertices[$0].x + vertices[$0].width / 2 }.max() ?? left
      let room = tracks[index] > 0 ? 8 + Double(tracks[index]) * Self.trackGap : 0
      ends.append((width, y - Self.layerGap))
      height = max(height, y - Self.layerGap + room)
      left = width + max(room, 0) + 30
    }
  }

  /// The number of values that pass from each layer to the next.
  private var crossings: [Int] {
    var sources = [Set<Int>](repeating: [], count: layers.count)
    for link in links { sources[vertices[link.from].layer].insert(link.from) }
    return sources.map(\.count)
  }

  /// Gives a way of its own to each vertex whose links leave a column, the rightmost innermost.
  private mutating func numberTracks() {
    for column in tracks.indices {
      let leaving = Set(links.lazy.filter { $0.column == column }.map(\.from))
        .sorted { (vertices[$0].x, $0) > (vertices[$1].x, $1) }
      tracks[column] = leaving.count
      for index in links.indices where links[index].column == column {
        links[index].track = leaving.firstIndex(of: links[index].from) ?? 0
      }
    }
  }

  /// The way of a link: two points within a column; out of a column, down, to the right, up, to the
  /// right and down.
  func points(_ link: Link) -> [(x: Double, y: Double)] {
    let (a, b) = (vertices[link.from], vertices[link.to])
    let start = (x: a.x, y: a.y + a.height / 2)
    let end = (x: b.x, y: b.y - b.height / 2 - (b.box == nil ? 0 : 4))
    guard let column = link.column else { return [start, end] }
    let out = 12 + Double(link.track) * Self.trackGap
    let (low, right) = (
      ends[column].y + out, ends[column].x + 8 + Double(link.track) * Self.trackGap
    )
    let high = Double(tracks[column] - 1 - link.track) * Self.trackGap
    return [start, (start.x, low), (right, low), (right, high), (end.x, high), end]
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
