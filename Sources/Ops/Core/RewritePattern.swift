import ONNXFormat

/// A formula that a rewrite rule looks for in a graph of standard nodes.
///
/// A pattern is the formula itself. Sums and products match in any order and with any brackets, and a
/// product with a number also as the division by its inverse.
public struct RewritePattern: Sendable {
  package indirect enum Kind: Sendable {
    case value(String)
    case number(Double)
    case scalar(String)
    case sum([RewritePattern])
    case product([RewritePattern])
    case mean(RewritePattern, axes: String)
    case node(String, [RewritePattern], (@Sendable (Node, GraphView) -> Bool)?)
    case either([RewritePattern])
  }

  package let kind: Kind

  /// Any value. The same name always matches the same value.
  public static func value(_ name: String) -> RewritePattern { .init(kind: .value(name)) }

  /// A constant with a single element that is this number, up to the rounding of its type.
  public static func number(_ number: Double) -> RewritePattern { .init(kind: .number(number)) }

  /// Any constant with a single element. The same name always matches the same number.
  public static func scalar(_ name: String) -> RewritePattern { .init(kind: .scalar(name)) }

  /// The mean over any axes, which are kept with size 1. The same name always matches the same axes.
  public static func mean(_ x: RewritePattern, axes: String) -> RewritePattern {
    .init(kind: .mean(x, axes: axes))
  }

  /// The result of an operator of `ai.onnx` on these inputs.
  /// - Parameters:
  ///   - operatorType: the operator
  ///   - inputs: the patterns of the inputs
  ///   - condition: whether attributes and further inputs of the node allow the rule; without a
  ///     condition the node must have neither
  public static func node(
    _ operatorType: String, _ inputs: [RewritePattern],
    where condition: (@Sendable (Node, GraphView) -> Bool)? = nil
  ) -> RewritePattern {
    .init(kind: .node(operatorType, inputs, condition))
  }

  /// Any of several patterns.
  public static func either(_ patterns: [RewritePattern]) -> RewritePattern {
    .init(kind: .either(patterns))
  }

  /// `x²`, as a power or a product.
  public static func square(_ x: RewritePattern) -> RewritePattern {
    .either([product(x, x), power(x, 2)])
  }

  /// `x` to the power of a number.
  public static func power(_ x: RewritePattern, _ exponent: Double) -> RewritePattern {
    .node("Pow", [x, .number(exponent)])
  }

  /// The sum of several patterns.
  public static func sum(_ terms: RewritePattern...) -> RewritePattern {
    .init(kind: .sum(terms))
  }

  /// The product of several patterns.
  public static func product(_ factors: RewritePattern...) -> RewritePattern {
    .init(kind: .product(factors))
  }

  /// `a − b`.
  public static func difference(_ a: RewritePattern, _ b: RewritePattern) -> RewritePattern {
    .node("Sub", [a, b])
  }

  /// `a / b`.
  public static func quotient(_ a: RewritePattern, _ b: RewritePattern) -> RewritePattern {
    .node("Div", [a, b])
  }

  /// The operators of the nodes that can end the pattern.
  package var ends: Set<String> {
    switch kind {
    case .value, .number, .scalar: []
    case .sum: ["Add"]
    case .product(let list): list.contains(where: \.isNumber) ? ["Mul", "Div"] : ["Mul"]
    case .mean: ["ReduceMean"]
    case .node(let operatorType, _, _): [operatorType]
    case .either(let list): list.reduce(into: []) { $0.formUnion($1.ends) }
    }
  }

  /// The largest number of nodes that the pattern covers.
  package var size: Int {
    switch kind {
    case .value, .number, .scalar: 0
    case .sum(let list), .product(let list): list.count - 1 + list.reduce(0) { $0 + $1.size }
    case .mean(let x, _): 1 + x.size
    case .node(_, let inputs, _): 1 + inputs.reduce(0) { $0 + $1.size }
    case .either(let list): list.map(\.size).max() ?? 0
    }
  }

  private var isNumber: Bool { if case .number = kind { true } else { false } }
}

extension GraphView {
  /// All ways in which the nodes that compute a value match a pattern.
  /// - Parameter match: the names that are already matched
  package func matches(
    _ pattern: RewritePattern, _ name: String, _ match: RewriteMatch
  ) -> [RewriteMatch] {
    var match = match
    switch pattern.kind {
    case .value(let key):
      guard !name.isEmpty, match.values[key, default: name] == name else { return [] }
      match.values[key] = name
      return [match]
    case .number(let number):
      return isNumber(name, number) ? [match] : []
    case .scalar(let key):
      guard let number = scalar(name), match.scalars[key, default: number] == number else {
        return []
      }
      match.scalars[key] = number
      return [match]
    case .sum(let list): return matches(list, joinedBy: "Add", name, match)
    case .product(let list): return matches(list, joinedBy: "Mul", name, match)
    case .mean(let x, let key):
      guard let index = producer(name, "ReduceMean"), let node = nodes[index],
        let axes = meanAxes(node), match.axes[key, default: axes] == axes
      else { return [] }
      match.axes[key] = axes
      match.nodes.insert(index)
      return matches(x, node.inputs[0], match)
    case .node(let operatorType, let inputs, let condition):
      guard let index = producer(name, operatorType), let node = nodes[index],
        condition?(node, self)
          ?? (node.attributes.isEmpty && node.inputs.count == inputs.count),
        node.inputs.count >= inputs.count
      else { return [] }
      match.nodes.insert(index)
      return zip(inputs, node.inputs).reduce([match]) { found, pair in
        found.flatMap { matches(pair.0, pair.1, $0) }
      }
    case .either(let list): return list.flatMap { matches($0, name, match) }
    }
  }

  /// All ways in which a tree of sums or products matches these terms in any order.
  private func matches(
    _ list: [RewritePattern], joinedBy operatorType: String, _ name: String, _ match: RewriteMatch
  ) -> [RewriteMatch] {
    guard list.count > 1 else { return list.first.map { matches($0, name, match) } ?? [] }
    var match = match
    var found: [RewriteMatch] = []
    if let index = producer(name, operatorType), let node = nodes[index],
      node.inputs.count == 2, node.attributes.isEmpty
    {
      match.nodes.insert(index)
      for chosen in 1..<(1 << list.count) - 1 {
        let left = list.indices.filter { chosen >> $0 & 1 == 1 }.map { list[$0] }
        let right = list.indices.filter { chosen >> $0 & 1 == 0 }.map { list[$0] }
        found += matches(left, joinedBy: operatorType, node.inputs[0], match).flatMap {
          matches(right, joinedBy: operatorType, node.inputs[1], $0)
        }
      }
    } else if operatorType == "Mul", let index = producer(name, "Div"), let node = nodes[index],
      node.inputs.count == 2, node.attributes.isEmpty
    {
      match.nodes.insert(index)
      for (place, factor) in list.enumerated() {
        guard case .number(let number) = factor.kind, number != 0,
          isNumber(node.inputs[1], 1 / number)
        else { continue }
        var rest = list
        rest.remove(at: place)
        found += matches(rest, joinedBy: operatorType, node.inputs[0], match)
      }
    }
    return found
  }

  /// Whether a value is a constant with a single element that is this number, up to the rounding of its
  /// type.
  package func isNumber(_ name: String, _ number: Double) -> Bool {
    guard let value = scalar(name), let type = constant(name)?.elementType else { return false }
    // Exporters write float32 and float64 with fewer digits than the type holds.
    return switch type {
    case .float16: value == Double(Float16(number))
    case .bfloat16: value == Double(BFloat16(Float(number)).compute)
    case .float32: abs(value - number) <= 1e-6 * abs(number)
    case .float64: abs(value - number) <= 1e-12 * abs(number)
    default: value == number
    }
  }

  /// The element of a constant with a single number; `nil` for other values.
  package func scalar(_ name: String) -> Double? {
    guard let tensor = constant(name), tensor.count == 1 else { return nil }
    return switch tensor.elementType {
    case .float32: Double(tensor.elements(as: Float.self)[0])
    case .float64: tensor.elements(as: Double.self)[0]
    case .float16: Double(tensor.elements(as: Float16.self)[0])
    case .bfloat16: Double(tensor.elements(as: BFloat16.self)[0].compute)
    default: tensor.integers.map { Double($0[0]) }
    }
  }

  /// The axes of a `ReduceMean` that keeps them, counted from 0, ascending; `nil` if unknown.
  private func meanAxes(_ node: Node) -> [Int]? {
    guard let rank = type(node.inputs[0])?.tensorType?.shape?.rank else { return nil }
    var axes: [Int] = []
    for attribute in node.attributes {
      switch (attribute.name, attribute.value) {
      case ("axes", .ints(let list)): axes = list.map { Int($0) }
      case ("keepdims", .int(1)), ("noop_with_empty_axes", .int(0)): break
      default: return nil
      }
    }
    if node.inputs.count > 1, !node.inputs[1].isEmpty {
      guard let list = constant(node.inputs[1])?.integers else { return nil }
      axes = list
    }
    guard axes.allSatisfy({ -rank <= $0 && $0 < rank }) else { return nil }
    let fromFront = axes.map { $0 < 0 ? $0 + rank : $0 }.sorted()
    return fromFront.isEmpty ? Array(0..<rank) : fromFront
  }
}
