import ONNXFormat

/// Rules for places that found no weight on their own: they are compared with the weights of their
/// module that are left.
extension Binder {
  mutating func assignRest(_ assignments: inout [Int: Assignment]) {
    var claimed = Set(assignments.values.flatMap { table.sources(of: $0.from) })
    func note(_ found: [Int: Assignment]) {
      assignments.merge(found) { old, _ in old }
      claimed.formUnion(found.values.flatMap { table.sources(of: $0.from) })
    }
    for group in open(assignments, by: { [.weight, .bias].contains($0.role) ? $0.role : nil }) {
      note(parts(group, claimed))
    }
    for group in open(assignments, by: { use in use.initializer.map { shape(of: $0) } }) {
      note(inOrder(group, claimed))
    }
    note(passedOn(assignments))
    if options.matchesByOrder { note(leadingRows(assignments, claimed)) }
  }

  private func shape(of initializer: Int) -> [Int] { graph.initializers[initializer].tensor.shape }

  /// Places of one module without a weight, grouped by initializer, in the nodes' order.
  private struct Group {
    let path: String
    var places: [(initializer: Int, uses: [Int])] = []
  }

  private struct Place<Key: Hashable>: Hashable {
    let path: String
    let key: Key
  }

  private func open<Key: Hashable>(
    _ assignments: [Int: Assignment], by key: (WeightUse) -> Key?
  ) -> [Group] {
    var groups: [Place<Key>: Group] = [:]
    var order: [Place<Key>] = []
    for (index, use) in uses.uses.enumerated() where assignments[index] == nil {
      guard let initializer = use.initializer, let key = key(use),
        let path = ModulePath.of(graph.nodes[use.node]),
        graph.initializers[initializer].tensor.elementType.isFloatingPoint
      else { continue }
      let place = Place(path: path, key: key)
      if groups[place] == nil { order.append(place) }
      var group = groups[place] ?? Group(path: path)
      if let known = group.places.firstIndex(where: { $0.initializer == initializer }) {
        group.places[known].uses.append(index)
      } else {
        group.places.append((initializer, [index]))
      }
      groups[place] = group
    }
    return order.compactMap { groups[$0] }
  }

  /// Splits a weight over places that together have its size: exporters split `in_proj_weight` into
  /// the weights of queries, keys and values.
  private func parts(_ group: Group, _ claimed: Set<Int>) -> [Int: Assignment] {
    for name in leaves(around: group.path) {
      guard let index = table.index(name), !claimed.contains(index), group.places.count > 1,
        let rows = table.entry(index).shape.first
      else { continue }
      let entry = table.entry(index)
      let isMatrix = entry.shape.count == 2
      guard isMatrix || entry.shape.count == 1 else { continue }
      var start = 0
      var found: [Int: Assignment] = [:]
      for place in group.places {
        let shape = self.shape(of: place.initializer)
        let isTurned = place.uses.contains { isLinear(uses.uses[$0]) && !keepsRows(uses.uses[$0]) }
        let count = isTurned ? shape.last ?? 0 : shape.first ?? 0
        let inner = isTurned ? shape.dropLast().last : shape.dropFirst().first
        guard shape.count == entry.shape.count, inner == entry.shape.dropFirst().first,
          count <= rows - start
        else { continue }
        let range = start..<start + count
        start += count
        let assignment = Assignment(
          from: [index],
          rule: "rows \(range.lowerBound) to \(range.upperBound - 1) of module \(group.path.quoted)"
            + (isTurned ? ", transposed" : ""), shape: shape,
          name: "\(name).\(range.lowerBound)", elementType: entry.elementType
        ) { () throws(FormatError) in
          let part = try entry.tensor().rows(range)
          return isTurned ? try part.transposedMatrix() : part
        }
        for use in place.uses { found[use] = assignment }
      }
      if start == rows, found.count > 1 { return found }
    }
    return [:]
  }

  /// Matches places of one shape in order, if the module or one around it has as many weights left.
  private func inOrder(_ group: Group, _ claimed: Set<Int>) -> [Int: Assignment] {
    guard let first = group.places.first else { return [:] }
    let shape = self.shape(of: first.initializer)
    guard shape.elementCount ?? 0 > 1,
      !group.places.contains(where: { $0.uses.contains { isLinear(uses.uses[$0]) } })
    else { return [:] }
    var path = group.path
    while true {
      let left = leaves(around: path).compactMap { table.index($0) }.filter {
        !claimed.contains($0) && table.entry($0).shape == shape
          && table.entry($0).elementType.isFloatingPoint
      }
      if left.count == group.places.count {
        var found: [Int: Assignment] = [:]
        for (index, place) in zip(left, group.places) {
          let entry = table.entry(index)
          let assignment = Assignment(
            from: [index], rule: "in order from the rest of module \(path.quoted)", shape: shape,
            name: entry.name, elementType: entry.elementType
          ) { () throws(FormatError) in try entry.tensor() }
          for use in place.uses { found[use] = assignment }
        }
        return found
      }
      guard !path.isEmpty, left.isEmpty else { return [:] }
      path = ModulePath.parent(path)
    }
  }

  /// Places that take an `Identity` of a bound weight and match nothing else: a module that is used
  /// twice.
  private func passedOn(_ assignments: [Int: Assignment]) -> [Int: Assignment] {
    var byInitializer: [Int: Assignment] = [:]
    for (index, use) in uses.uses.enumerated() {
      if let initializer = use.initializer, let assignment = assignments[index] {
        byInitializer[initializer] = assignment
      }
    }
    var found: [Int: Assignment] = [:]
    for (index, use) in uses.uses.enumerated() where assignments[index] == nil {
      // Tensors with equal elements are the same by accident.
      guard let initializer = use.initializer, let origin = graph.order.origins[initializer],
        let assignment = byInitializer[origin],
        ModulePath.isMadeUp(graph.initializers[initializer].name ?? ""),
        !graph.initializers[initializer].tensor.isUniform
      else { continue }
      found[index] = assignment
    }
    return found
  }

  /// The first rows of a position embedding, which the exporter has looked up. Only order tells.
  private func leadingRows(
    _ assignments: [Int: Assignment], _ claimed: Set<Int>
  ) -> [Int: Assignment] {
    let bound = byShape(claimed)
    let tables = table.weights.entries.indices.filter { index in
      let entry = table.entry(index)
      return !claimed.contains(index) && entry.shape.count == 2 && entry.shape[0] > 1
        && entry.elementType.isFloatingPoint && (try? twin(of: index, among: bound)) == nil
    }
    guard tables.count == 1, let index = tables.first else { return [:] }
    let entry = table.entry(index)
    let places: [Int] = uses.uses.indices.filter {
      guard assignments[$0] == nil, let initializer = uses.uses[$0].initializer,
        graph.initializers[initializer].tensor.elementType.isFloatingPoint
      else { return false }
      let shape = self.shape(of: initializer)
      return shape.count >= 2 && shape.last == entry.shape[1]
        && shape.dropLast(2).allSatisfy { $0 == 1 }
    }
    guard Set(places.map { uses.uses[$0].initializer }).count == 1,
      let initializer = places.first.flatMap({ uses.uses[$0].initializer })
    else { return [:] }
    let shape = self.shape(of: initializer)
    let count = shape[shape.count - 2]
    // Equal rows are one row, looked up for every position.
    let isRepeated = graph.initializers[initializer].tensor.hasEqualRows
    guard isRepeated || count <= entry.shape[0] else { return [:] }
    let assignment = Assignment(
      from: [index],
      rule: isRepeated ? "by order, the first row" : "by order, the first \(count) rows",
      shape: shape, name: entry.name, elementType: entry.elementType
    ) { () throws(FormatError) in
      let tensor = try entry.tensor()
      return try isRepeated
        ? tensor.rows(0..<1).repeated(count).shaped(shape) : tensor.rows(0..<count).shaped(shape)
    }
    return Dictionary(uniqueKeysWithValues: places.map { ($0, assignment) })
  }
}
