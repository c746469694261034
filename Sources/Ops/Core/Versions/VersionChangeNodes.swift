import ONNXFormat

/// New nodes.
extension VersionChange {
  /// Adds a node before the node, and returns the name of its output.
  /// - Parameter output: the name of an existing value that it computes; `nil` for a new value
  @discardableResult
  package mutating func emit(
    _ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [],
    as output: String? = nil, type: TensorType? = nil
  ) -> String {
    let name = output ?? fresh(operatorType.lowercased())
    var made = Node(operatorType, inputs: inputs, outputs: [name], attributes: attributes)
    made.name = output == nil ? name : node.name
    before.append(made)
    if let type {
      context.declare(name, .tensor(type))
    } else if context.type(of: name) == nil, let type = inferredType(of: made) {
      context.declare(name, type)
    }
    return name
  }

  /// The type of the output of a new node; `nil` if its inputs do not determine it.
  private func inferredType(of made: Node) -> ValueType? {
    var types: [ValueType?] = []
    for name in made.inputs {
      guard let type = context.type(of: name) else { return nil }
      types.append(type)
    }
    let constants = made.inputs.map { context.constant($0).map(Value.tensor) }
    guard let operation = try? context.registry.make(made, operatorSet: version) else { return nil }
    return try? operation.operator.infer(Inputs(types: types, constants: constants)).first
  }

  /// Reserves an unused name derived from the first output of the node.
  package func fresh(_ hint: String) -> String {
    context.unique("\(node.outputs.first { !$0.isEmpty } ?? node.operatorType)_\(hint)")
  }

  /// Adds a `Constant` before the node, and returns its name.
  package mutating func constant(_ tensor: Tensor, _ hint: String) -> String {
    let name = fresh(hint)
    before.append(
      Node(
        "Constant", name: name, inputs: [], outputs: [name],
        attributes: [
          .tensor("value", tensor)
        ]))
    context.declare(name, constant: tensor)
    return name
  }

  package mutating func integers(_ values: [Int], _ hint: String) -> String {
    constant(Tensor(shape: [values.count], values.map(Int64.init)), hint)
  }

  /// Adds a constant scalar of a floating-point or integer type, and returns its name.
  package mutating func scalar(
    _ value: Double, _ type: ElementType, _ hint: String = "scalar"
  ) throws(OperatorError) -> String {
    constant(try numberTensor(value, type), hint)
  }

  /// Inserts a node between the node and one of its outputs.
  package mutating func follow(
    _ output: Int, _ operatorType: String, _ others: [String] = [], _ attributes: [Attribute] = [],
    type: TensorType? = nil
  ) {
    guard hasOutput(output) else { return }
    let name = node.outputs[output]
    let inner = fresh("inner")
    if let type {
      context.declare(inner, .tensor(type))
    } else if let type = context.type(of: name) {
      context.declare(inner, type)
    }
    node.outputs[output] = inner
    after.insert(
      Node(
        operatorType, name: name, inputs: [inner] + others, outputs: [name], attributes: attributes),
      at: 0)
  }

  /// Inserts a node between one of the inputs and the node.
  package mutating func precede(
    _ input: Int, _ operatorType: String, _ others: [String] = [], _ attributes: [Attribute] = [],
    type: TensorType? = nil
  ) {
    guard has(input) else { return }
    node.inputs[input] = emit(
      operatorType, [node.inputs[input]] + others, attributes, type: type)
  }

  /// A scalar tensor.
  private func numberTensor(
    _ value: Double, _ type: ElementType
  ) throws(OperatorError) -> Tensor {
    switch type {
    case .float32: return Tensor(Float(value))
    case .float64: return Tensor(value)
    case .float16: return Tensor(Float16(value))
    case .bfloat16: return Tensor(BFloat16(Float(value)))
    case .bool: return Tensor(value != 0)
    default: break
    }
    guard let whole = Int64(exactly: value) else {
      throw .unsupported("a constant \(value) of type \(type)")
    }
    switch type {
    case .int64: return Tensor(whole)
    case .int32: return Tensor(Int32(truncatingIfNeeded: whole))
    case .uint64: return Tensor(UInt64(truncatingIfNeeded: whole))
    case .uint32: return Tensor(UInt32(truncatingIfNeeded: whole))
    case .int16: return Tensor(Int16(truncatingIfNeeded: whole))
    case .uint16: return Tensor(UInt16(truncatingIfNeeded: whole))
    case .int8: return Tensor(Int8(truncatingIfNeeded: whole))
    case .uint8: return Tensor(UInt8(truncatingIfNeeded: whole))
    default: throw .unsupported("a constant of type \(type)")
    }
  }
}

/// New nodes whose form depends on the version.
extension VersionChange {
  /// `x` with dimensions of size 1 inserted at these axes of the result.
  package mutating func unsqueeze(_ x: String, _ axes: [Int]) -> String {
    withAxes("Unsqueeze", x, axes)
  }

  /// `x` without the dimensions of size 1 at these axes.
  package mutating func squeeze(_ x: String, _ axes: [Int]) -> String {
    withAxes("Squeeze", x, axes)
  }

  private mutating func withAxes(_ operatorType: String, _ x: String, _ axes: [Int]) -> String {
    if version < 13 { return emit(operatorType, [x], [.ints("axes", axes)]) }
    let list = integers(axes, "axes")
    return emit(operatorType, [x, list])
  }

  /// The mean over these axes, which are kept with size 1.
  package mutating func mean(_ x: String, _ axes: [Int], as output: String? = nil) -> String {
    if version < 18 { return emit("ReduceMean", [x], [.ints("axes", axes)], as: output) }
    let list = integers(axes, "axes")
    return emit("ReduceMean", [x, list], as: output)
  }

  package mutating func cast(_ x: String, to type: ElementType, shape: Shape?) -> String {
    emit("Cast", [x], [castTarget(type)], type: TensorType(type, shape))
  }

  /// Makes the node use a wider element type instead of one that its version does not support, with
  /// casts at its inputs and outputs.
  public mutating func widen(_ narrow: ElementType, to wide: ElementType) {
    for index in node.inputs.indices where tensorType(index)?.elementType == narrow {
      let shape = tensorType(index)?.shape
      precede(index, "Cast", [], [castTarget(wide)], type: TensorType(wide, shape))
    }
    for index in node.outputs.indices where outputType(index)?.elementType == narrow {
      let shape = outputType(index)?.shape
      follow(index, "Cast", [], [castTarget(narrow)], type: TensorType(wide, shape))
    }
  }

  /// The attribute `to` of a `Cast`.
  package func castTarget(_ type: ElementType) -> Attribute {
    version < 6 ? .string("to", type.standardName) : .int("to", Int(type.rawValue))
  }

  /// The name of an output; `nil` if it is left out.
  package func output(_ index: Int) -> String? { hasOutput(index) ? node.outputs[index] : nil }

  /// Adds outputs that were left out, for versions that require them.
  package mutating func addOutputs(upTo count: Int) {
    while node.outputs.count < count { node.outputs.append("") }
    for index in node.outputs.indices where node.outputs[index].isEmpty {
      node.outputs[index] = fresh("unused")
    }
  }
}
