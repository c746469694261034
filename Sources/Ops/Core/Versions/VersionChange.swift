import ONNXFormat

/// The graph of a node that is converted to another operator set version.
public protocol VersionContext: AnyObject {
  /// The operators of the session.
  var registry: Registry { get }
  /// Reserves an unused name.
  func unique(_ hint: String) -> String
  /// The type of a value, as far as it is known.
  func type(of name: String) -> ValueType?
  /// The contents of a constant; `nil` for other values.
  func constant(_ name: String) -> Tensor?
  /// Whether a value is used.
  func isUsed(_ name: String) -> Bool
  /// Sets the type of a new value.
  func declare(_ name: String, _ type: ValueType)
  /// Sets the contents of a new constant.
  func declare(_ name: String, constant tensor: Tensor)
}

/// The conversion of a node from one version of its operator to the next or previous one.
public struct VersionChange {
  /// The node, which the conversion may change in every way.
  public var node: Node
  /// New nodes before the node.
  public internal(set) var before: [Node] = []
  /// New nodes after the node.
  public internal(set) var after: [Node] = []
  /// Whether the nodes of `before` compute the outputs, so that the node is removed.
  public var isReplaced = false
  /// The operator set version that new nodes follow.
  public let version: Int
  package let context: any VersionContext

  /// A conversion that has changed nothing yet.
  public init(_ node: Node, to version: Int, in context: any VersionContext) {
    self.node = node
    self.version = version
    self.context = context
  }

  /// The nodes that replace the node, in order.
  public var nodes: [Node] { before + (isReplaced ? [] : [node]) + after }
}

// MARK: - Types and contents

extension VersionChange {
  /// Whether an input is given.
  package func has(_ input: Int) -> Bool {
    input < node.inputs.count && !node.inputs[input].isEmpty
  }

  /// Whether an output is given.
  package func hasOutput(_ output: Int) -> Bool {
    output < node.outputs.count && !node.outputs[output].isEmpty
  }

  package func input(_ index: Int) throws(OperatorError) -> String {
    guard has(index) else { throw .input(index, "is missing") }
    return node.inputs[index]
  }

  package func tensorType(_ input: Int) -> TensorType? {
    has(input) ? context.type(of: node.inputs[input])?.tensorType : nil
  }

  package func valueType(_ input: Int) -> ValueType? {
    has(input) ? context.type(of: node.inputs[input]) : nil
  }

  /// The known types of all inputs and outputs of the node and of its graph attributes.
  package var allTypes: [ValueType] {
    var names = node.inputs + node.outputs
    var types: [ValueType] = []
    for attribute in node.attributes {
      guard case .graph(let graph) = attribute.value else { continue }
      types += (graph.inputs + graph.outputs).compactMap(\.type)
    }
    names.removeAll(where: \.isEmpty)
    return types + names.compactMap { context.type(of: $0) }
  }

  package func outputType(_ output: Int) -> TensorType? {
    hasOutput(output) ? context.type(of: node.outputs[output])?.tensorType : nil
  }

  package func elementType(_ input: Int) throws(OperatorError) -> ElementType {
    guard let type = tensorType(input)?.elementType, type != .undefined else {
      throw .input(input, "the element type must be known")
    }
    return type
  }

  package func rank(_ input: Int) throws(OperatorError) -> Int {
    guard let rank = tensorType(input)?.shape?.rank else {
      throw .input(input, "the rank must be known")
    }
    return rank
  }

  package func sizes(_ input: Int) -> [Int]? { tensorType(input)?.shape?.sizes }

  package func constant(_ input: Int) -> Tensor? {
    has(input) ? context.constant(node.inputs[input]) : nil
  }

  /// The elements of a constant int32 or int64 input.
  package func integers(_ input: Int) throws(OperatorError) -> [Int] {
    guard let integers = constant(input)?.integers else {
      throw .input(input, "must be a constant, because that version takes an attribute")
    }
    return integers
  }

  /// The elements of a constant floating-point input.
  package func floats(_ input: Int) throws(OperatorError) -> [Float] {
    guard let tensor = constant(input) else {
      throw .input(input, "must be a constant, because that version takes an attribute")
    }
    switch (tensor.elementType, tensor.doubles) {
    case (.float64, let numbers?):
      let floats = numbers.map { Float($0) }
      guard zip(numbers, floats).allSatisfy({ $0 == Double($1) || $0.isNaN }) else {
        throw .input(input, "has numbers that the float32 attribute cannot represent")
      }
      return floats
    case (_, let numbers?): return numbers.map { Float($0) }
    default: throw .input(input, "expected floating point, got \(tensor.elementType)")
    }
  }
}

// MARK: - Attributes

extension VersionChange {
  package func attribute(_ name: String) throws(OperatorError) -> Attribute.Value? {
    guard let value = node.attribute(name)?.value else { return nil }
    if case .reference(let outer, _) = value {
      throw .attribute(
        name, "refers to attribute '\(outer)' of the function, whose value depends on the call")
    }
    return value
  }

  package func int(_ name: String) throws(OperatorError) -> Int? {
    guard let value = try attribute(name) else { return nil }
    guard case .int(let int) = value else { throw .attribute(name, "expected an integer") }
    return Int(int)
  }

  package func ints(_ name: String) throws(OperatorError) -> [Int]? {
    guard let value = try attribute(name) else { return nil }
    switch value {
    case .ints(let ints): return ints.map(Int.init)
    case .floats(let floats) where floats.isEmpty: return []
    default: throw .attribute(name, "expected integers")
    }
  }

  package func float(_ name: String) throws(OperatorError) -> Float? {
    guard let value = try attribute(name) else { return nil }
    guard case .float(let float) = value else { throw .attribute(name, "expected a float") }
    return float
  }

  package func floats(_ name: String) throws(OperatorError) -> [Float]? {
    guard let value = try attribute(name) else { return nil }
    switch value {
    case .floats(let floats): return floats
    case .ints(let ints) where ints.isEmpty: return []
    default: throw .attribute(name, "expected floats")
    }
  }

  package func string(_ name: String) throws(OperatorError) -> String? {
    guard let value = try attribute(name) else { return nil }
    guard case .string(let string) = value else { throw .attribute(name, "expected a string") }
    return string.string
  }

  package mutating func drop(_ names: String...) {
    node.attributes.removeAll { names.contains($0.name) }
  }

  package mutating func set(_ attribute: Attribute) {
    drop(attribute.name)
    node.attributes.append(attribute)
  }

  package mutating func rename(_ old: String, to new: String) {
    for index in node.attributes.indices where node.attributes[index].name == old {
      node.attributes[index].name = new
    }
  }

  /// Removes an attribute that must have no effect.
  /// - Throws: `OperatorError.attribute` for a value other than `neutral`
  package mutating func dropNeutral(
    _ name: String, _ neutral: VersionStep.Neutral
  ) throws(OperatorError) {
    guard node.attribute(name) != nil else { return }
    switch neutral {
    case .int(let wanted):
      let value = try int(name)
      guard value == wanted else {
        throw .attribute(name, "is \(value ?? 0); that version supports only \(wanted)")
      }
    case .ints(let wanted):
      let values = try ints(name) ?? []
      guard values.allSatisfy({ $0 == wanted }) else {
        throw .attribute(name, "is \(values); that version supports only \(wanted)")
      }
    case .string(let wanted):
      let value = try string(name) ?? ""
      guard value == wanted else {
        throw .attribute(name, "is '\(value)'; that version supports only '\(wanted)'")
      }
    case .any: break
    }
    drop(name)
  }

  /// Replaces negative axes of an attribute by those counted from the first axis of input 0.
  package mutating func countFromFront(_ name: String) throws(OperatorError) {
    switch try attribute(name) {
    case .int(let axis)? where axis < 0: set(.int(name, try fromFront(Int(axis))))
    case .ints(let axes)? where axes.contains { $0 < 0 }:
      var result: [Int] = []
      for axis in axes { result.append(try fromFront(Int(axis))) }
      set(.ints(name, result))
    default: break
    }
  }

  package func fromFront(_ axis: Int) throws(OperatorError) -> Int {
    if axis >= 0 { return axis }
    return try normalized(axis: axis, rank: try self.rank(0))
  }
}

// MARK: - Inputs and outputs

extension VersionChange {
  package mutating func setInput(_ index: Int, _ name: String) {
    while node.inputs.count <= index { node.inputs.append("") }
    node.inputs[index] = name
    while node.inputs.last == "" { node.inputs.removeLast() }
  }

  package mutating func forbidOutputs(_ range: PartialRangeFrom<Int>) throws(OperatorError) {
    for index in node.outputs.indices where range.contains(index) && hasOutput(index) {
      if !context.isUsed(node.outputs[index]) { continue }
      throw .output(index, "that version has no such output")
    }
    node.outputs = Array(node.outputs.prefix(range.lowerBound))
  }

  package mutating func integersToInput(_ name: String, _ input: Int) throws(OperatorError) {
    guard let value = node.attribute(name)?.value else { return }
    if case .reference(let outer, let type) = value {
      let constant = emit(
        "Constant", [],
        [
          Attribute("value_ints", .reference(name: outer, type: type))
        ])
      setInput(input, constant)
    } else if let list = try ints(name) {
      setInput(input, integers(list, name))
    }
    drop(name)
  }

  package mutating func integersToAttribute(_ name: String, _ input: Int) throws(OperatorError) {
    guard has(input) else { return }
    set(.ints(name, try integers(input)))
    setInput(input, "")
  }
}
