import ONNXFormat
import ONNXOperators

/// The search for scaled dot-product attention in standard nodes.
///
/// It begins at the product of weights and values, or the transposition behind it, and follows the scores
/// back to the product of query and key. Factors of the scores, the query or the key become the scale;
/// transpositions of query, key and value become orders of axes.
struct AttentionSearch {
  private let view: GraphView
  private var nodes: Set<Int>
  private var scale = 1.0

  static var rule: RewriteRule {
    RewriteRule(ends: ["MatMul", "Transpose"], size: 12) { index, view in
      var search = AttentionSearch(view: view, nodes: [index])
      return search.candidate(index)
    }
  }

  /// A tensor and the axis in memory of each axis of the matrices.
  private struct Operand {
    var name: String
    var order: [Int]
  }

  private mutating func candidate(_ end: Int) -> RewriteCandidate? {
    guard let last = view.nodes[end] else { return nil }
    var product = last
    var resultOrder: [Int]?
    if last.operatorType == "Transpose" {
      guard let index = view.producer(last.inputs[0], "MatMul"), let node = view.nodes[index],
        let permutation = permutation(of: last)
      else { return nil }
      nodes.insert(index)
      product = node
      resultOrder = permutation.indices.map { axis in permutation.firstIndex(of: axis) ?? axis }
    } else if view.producer(last.outputs[0], "MatMul") != end {
      return nil
    }
    guard product.inputs.count == 2, let type = type(product.outputs[0]), let shape = type.shape,
      type.elementType == .float32, shape.rank == 3 || shape.rank == 4
    else { return nil }
    let rank = shape.rank
    let natural = Array(0..<rank)
    let order = resultOrder ?? natural
    guard order[rank - 1] == rank - 1 else { return nil }
    guard let (scores, isGuarded) = weights(product.inputs[0], rank: rank),
      let (sum, mask) = mask(scores, rank: rank)
    else { return nil }
    guard let scoring = scaled(sum), let q = scoring.inputs.first, scoring.inputs.count == 2,
      let scoreShape = self.type(scoring.outputs[0])?.shape, scoreShape.rank == rank,
      scoreShape == self.type(scores)?.shape
    else { return nil }
    let swapped = Array(natural.dropLast(2)) + [rank - 1, rank - 2]
    let query = resolve(Operand(name: q, order: natural), isValue: false)
    let key = resolve(Operand(name: scoring.inputs[1], order: swapped), isValue: false)
    let value = resolve(Operand(name: product.inputs[1], order: natural), isValue: true)
    guard scale.isFinite,
      [q, scoring.inputs[1], product.inputs[1]].allSatisfy({ self.type($0)?.shape?.rank == rank })
    else { return nil }
    var attributes: [Attribute] = [
      .float("scale", Float(scale)), .ints("orders", query.order + key.order + value.order + order),
    ]
    if isGuarded { attributes.append(.int("guarded", 1)) }
    var inputs = [query.name, key.name, value.name]
    if let mask {
      inputs.append(mask.name)
      attributes += mask.attributes
    }
    let made = nodes.subtracting([end]).flatMap { view.nodes[$0]?.outputs ?? [] }
    guard !inputs.contains(where: made.contains) else { return nil }
    var node = Node(
      FusedAttention.schema.name, domain: FusedAttention.schema.domain, name: product.name,
      inputs: inputs, outputs: last.outputs, attributes: attributes)
    node.operatorSetVersion = 1
    return RewriteCandidate(node: node, nodes: nodes)
  }

  private func type(_ name: String) -> TensorType? { view.type(name)?.tensorType }

  private func permutation(of node: Node) -> [Int]? {
    guard let rank = type(node.inputs[0])?.shape?.rank else { return nil }
    for attribute in node.attributes {
      guard attribute.name == "perm", case .ints(let list) = attribute.value, !list.isEmpty else {
        return nil
      }
      let axes = list.map { Int($0) }
      return axes.sorted() == Array(0..<rank) ? axes : nil
    }
    return Array((0..<rank).reversed())
  }

  /// The scores of which a value is the softmax, and whether NaN is replaced by 0.
  private mutating func weights(_ name: String, rank: Int) -> (scores: String, isGuarded: Bool)? {
    var name = name
    var isGuarded = false
    if let index = view.producer(name, "Where"), let node = view.nodes[index] {
      guard node.inputs.count == 3, view.scalar(node.inputs[1]) == 0,
        let test = view.producer(node.inputs[0], "IsNaN"),
        view.nodes[test]?.inputs == [node.inputs[2]]
      else { return nil }
      nodes.formUnion([index, test])
      name = node.inputs[2]
      isGuarded = true
    }
    guard let index = view.producer(name, "Softmax"), let node = view.nodes[index],
      let version = view.version(of: node)
    else { return nil }
    var axis = version < 13 ? 1 : -1
    for attribute in node.attributes {
      guard attribute.name == "axis", case .int(let value) = attribute.value else { return nil }
      axis = Int(value)
    }
    guard axis == -1 || axis == rank - 1, type(name)?.shape?.rank == rank else { return nil }
    nodes.insert(index)
    return (node.inputs[0], isGuarded)
  }

  /// A mask and the attributes that say how it is applied.
  private struct Mask {
    let name: String
    var attributes: [Attribute] = []
  }

  /// The scores before a mask, and the mask, if there is one.
  private mutating func mask(_ scores: String, rank: Int) -> (scores: String, mask: Mask?)? {
    if let index = view.producer(scores, "Add"), let node = view.nodes[index],
      node.inputs.count == 2
    {
      for side in 0...1 where isProduct(node.inputs[side]) {
        let other = node.inputs[1 - side]
        guard isMask(other, .float32, of: scores) else { continue }
        nodes.insert(index)
        return (node.inputs[side], Mask(name: other))
      }
      return nil
    }
    if let index = view.producer(scores, "Where"), let node = view.nodes[index],
      node.inputs.count == 3
    {
      for side in 1...2 where isProduct(node.inputs[side]) {
        guard let fill = view.scalar(node.inputs[3 - side]), fill != 0, !fill.isNaN,
          isMask(node.inputs[0], .bool, of: scores)
        else { continue }
        nodes.insert(index)
        let attributes: [Attribute] =
          [.float("fill", Float(fill))] + (side == 2 ? [.int("inverted", 1)] : [])
        return (node.inputs[side], Mask(name: node.inputs[0], attributes: attributes))
      }
      return nil
    }
    return (scores, nil)
  }

  /// Whether a value broadcasts to the scores, as far as sizes are known, and has a number for each key.
  private func isMask(_ name: String, _ element: ElementType, of scores: String) -> Bool {
    guard let type = type(name), type.elementType == element, let shape = type.shape,
      let target = self.type(scores)?.shape, (1...target.rank).contains(shape.rank),
      shape.last == target.last
    else { return false }
    return zip(shape.reversed(), target.reversed()).allSatisfy {
      $0.size == 1 || $0.size == nil || $0 == $1
    }
  }

  /// Whether a value is a product of two matrices, perhaps scaled.
  private func isProduct(_ name: String) -> Bool {
    var name = name
    for _ in 0..<3 {
      if view.producer(name, "MatMul") != nil { return true }
      guard let (_, next, _) = factor(name) else { return false }
      name = next
    }
    return false
  }

  /// The node that multiplies or divides by a number, what it scales, and the factor.
  private func factor(_ name: String) -> (index: Int, name: String, factor: Double)? {
    if let index = view.producer(name, "Mul"), let node = view.nodes[index], node.inputs.count == 2
    {
      for side in 0...1 {
        if let number = number(node.inputs[side]) {
          return (index, node.inputs[1 - side], number)
        }
      }
    }
    if let index = view.producer(name, "Div"), let node = view.nodes[index], node.inputs.count == 2,
      let number = number(node.inputs[1])
    {
      return (index, node.inputs[0], 1 / number)
    }
    return nil
  }

  /// The number that a value with one element has: a constant, or what follows from the size of a head,
  /// as exporters compute it in the graph.
  private func number(_ name: String, depth: Int = 8) -> Double? {
    if let number = view.scalar(name) { return number }
    guard depth > 0, type(name)?.shape?.sizes?.elementCount == 1 else { return nil }
    func of(_ operatorType: String) -> Node? {
      view.producer(name, operatorType).flatMap { view.nodes[$0] }
    }
    if let node = of("Cast"), type(name)?.elementType == .float32 {
      return number(node.inputs[0], depth: depth - 1)
    }
    if let node = of("Sqrt") {
      return number(node.inputs[0], depth: depth - 1).map { $0.squareRoot() }
    }
    if let node = of("Div"), let a = number(node.inputs[0], depth: depth - 1),
      let b = number(node.inputs[1], depth: depth - 1), type(name)?.elementType == .float32
    {
      return a / b
    }
    guard let node = of("Slice") ?? of("Gather"), node.inputs.count > 1,
      let source = view.producer(node.inputs[0], "Shape").flatMap({ view.nodes[$0] }),
      source.attributes.isEmpty, let shape = type(source.inputs[0])?.shape,
      let place = view.scalar(node.inputs[1]), place.isFinite, abs(place) < 64
    else { return nil }
    let axis = place < 0 ? Int(place) + shape.rank : Int(place)
    return shape.indices.contains(axis) ? shape[axis].size.map { Double($0) } : nil
  }

  /// The product of query and key, whose factors are added to the scale.
  private mutating func scaled(_ name: String) -> Node? {
    var name = name
    while let (index, next, number) = factor(name) {
      nodes.insert(index)
      scale *= number
      name = next
    }
    guard let index = view.producer(name, "MatMul") else { return nil }
    nodes.insert(index)
    return view.nodes[index]
  }

  /// The tensor from which a factor of a product is transposed and scaled. The nodes between are
  /// replaced unless others use them.
  private mutating func resolve(_ operand: Operand, isValue: Bool) -> Operand {
    var best = operand
    var current = operand
    var passed: Set<Int> = []
    var number = 1.0
    let rank = operand.order.count
    while true {
      if let index = view.producer(current.name, "Transpose"), let node = view.nodes[index],
        let permutation = permutation(of: node)
      {
        passed.insert(index)
        current = Operand(name: node.inputs[0], order: current.order.map { permutation[$0] })
      } else if !isValue, let (index, next, factor) = factor(current.name),
        type(next) == type(current.name)
      {
        passed.insert(index)
        number *= factor
        current.name = next
      } else {
        break
      }
      let order = current.order
      guard order[rank - 1] == rank - 1 || !isValue && order[rank - 2] == rank - 1 else { continue }
      best = current
      scale *= number
      number = 1
      for index in passed.sorted(by: >) where view.isHidden(index, in: nodes) {
        nodes.insert(index)
      }
      passed = []
    }
    return best
  }
}
