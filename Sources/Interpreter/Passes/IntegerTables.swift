import ONNXFormat
import ONNXOperators

/// The results of a function for all 8-bit integers.
struct IntegerTable {
  let source: QuantizedValue
  /// The bits of the result for the bits of each integer.
  let values: [UInt8]
  /// The operators of the function.
  let names: [String]

  /// Whether the results have the bits of the integers.
  var isIdentity: Bool { values.isIdentityTable }
}

extension [UInt8] {
  /// Whether each element is its own index.
  var isIdentityTable: Bool { enumerated().allSatisfy { $0 == Int($1) } }
}

extension IntegerSearch {
  /// The most nodes of a table's function.
  private static let mostNodes = 64

  /// Replaces functions of one integer by tables.
  mutating func tabulate() {
    var aliases: [String: String] = [:]
    var result: [Node] = []
    for (place, node) in graph.nodes.enumerated() {
      guard let quantized = quantized(by: node), quantized.isByte, quantized.isUniform else {
        result.append(node)
        continue
      }
      if let table = table(to: quantized, at: place) {
        tables[quantized.codes] = table
        if table.isIdentity, table.source.elementType == quantized.elementType,
          !outputs.contains(quantized.codes), !captured.contains(quantized.codes)
        {
          aliases[quantized.codes] = table.source.codes
          notes.append("no change of scale")
          continue
        }
        result.append(
          ByteTable.node(
            table.source.codes, table: constant(table.values), to: quantized.elementType,
            output: quantized.codes))
        notes.append("table of \(table.names.joined(separator: ", "))")
      } else if let (clamp, values) = clampTable(before: node, quantized) {
        var quantizer = node
        quantizer.inputs[0] = clamp.inputs[0]
        notes.append("\(clamp.operatorType) as limits")
        if !values.isIdentityTable {
          quantizer.outputs = [builder.unique("\(quantized.codes)_unclamped")]
          result.append(quantizer)
          quantizer = ByteTable.node(
            quantizer.outputs[0], table: constant(values), to: quantized.elementType,
            output: quantized.codes)
        }
        result.append(quantizer)
      } else {
        result.append(node)
      }
    }
    graph.nodes = result
    rename(aliases)
    removeDeadNodes()
  }

  private mutating func constant(_ values: [UInt8]) -> String {
    let name = builder.unique("table")
    let tensor = Tensor(shape: [256], values)
    constants[name] = tensor
    graph.initializers.append(NamedTensor(name, tensor))
    return name
  }

  private mutating func rename(_ aliases: [String: String]) {
    guard !aliases.isEmpty else { return }
    func target(_ name: String) -> String {
      var name = name
      while let other = aliases[name] { name = other }
      return name
    }
    for place in graph.nodes.indices {
      graph.nodes[place].inputs = graph.nodes[place].inputs.map(target)
    }
  }

  /// The table of the function that makes the integers of the quantiser at `place` from other integers;
  /// `nil` unless a function of each element alone does.
  func table(to result: QuantizedValue, at place: Int) -> IntegerTable? {
    var region: Set<Int> = [place]
    var source: QuantizedValue?
    var reals = Set<String>()
    var waiting = [graph.nodes[place].inputs[0]]
    while let name = waiting.popLast() {
      if let constant = constants[name] {
        guard constant.count == 1 else { return nil }
        continue
      }
      if let value = values[name] {
        let origin = tables[value.codes]?.source ?? value
        guard value.isByte, value.isUniform, source.map({ $0.codes == origin.codes }) ?? true
        else { return nil }
        source = origin
        reals.insert(name)
        continue
      }
      guard let maker = producers[name] else { return nil }
      if region.contains(maker) { continue }
      guard isElementwise(graph.nodes[maker]), region.count < Self.mostNodes else { return nil }
      region.insert(maker)
      waiting += graph.nodes[maker].inputs.filter { !$0.isEmpty }
    }
    guard let source else { return nil }
    return evaluate(region, source, reals, result)
  }

  /// The clamp between a node and a quantiser, and the integers that it makes of those of a quantiser
  /// without it.
  func clampTable(
    before quantizer: Node, _ result: QuantizedValue
  ) -> (clamp: Node, values: [UInt8])? {
    guard let maker = producers[quantizer.inputs[0]], isUsedOnce(quantizer.inputs[0]),
      let made = context.plainOperator(of: graph.nodes[maker]),
      type(of: made).eightBitForm == .clamp
    else { return nil }
    let clamp = graph.nodes[maker]
    guard let x = clamp.inputs.first, constants[x] == nil, isUsedOnce(x),
      clamp.inputs.dropFirst().allSatisfy({ $0.isEmpty || constants[$0]?.count == 1 }),
      let results = run([clamp, quantizer], [NamedTensor(x, result.reals())], quantizer.outputs[0])
    else { return nil }
    return (clamp, results)
  }

  private func isElementwise(_ node: Node) -> Bool {
    guard node.outputs.count == 1, let made = context.plainOperator(of: node), made.isPure else {
      return false
    }
    // A constant of higher rank would change the shape of the result.
    let rank = node.inputs.compactMap { constants[$0]?.shape.count }.max() ?? 0
    guard rank <= 1 || rank <= tensorType(node.outputs[0])?.shape?.rank ?? 0,
      rank == 0 || node.inputs.contains(where: { (tensorType($0)?.shape?.rank ?? 0) >= rank })
    else { return false }
    if let binary = made as? any BinaryOperator {
      if case .numpy = binary.alignment { return true }
      return false
    }
    return made is any ElementwiseOperator || type(of: made).eightBitForm == .clamp
  }

  private func tensorType(_ name: String) -> TensorType? { context.types[name]?.tensorType }

  private func evaluate(
    _ region: Set<Int>, _ source: QuantizedValue, _ reals: Set<String>, _ result: QuantizedValue
  ) -> IntegerTable? {
    let nodes = region.sorted().map { graph.nodes[$0] }
    let inputs = reals.compactMap { name in
      values[name].map { NamedTensor(name, $0.reals(at: tables[$0.codes]?.values)) }
    }
    guard let results = run(nodes, inputs, result.codes) else { return nil }
    return IntegerTable(
      source: source, values: results, names: nodes.dropLast().map(\.operatorType))
  }

  /// The bits of a value that nodes compute from these inputs and constants.
  private func run(_ nodes: [Node], _ inputs: [NamedTensor], _ output: String) -> [UInt8]? {
    let used = Set(nodes.flatMap(\.inputs))
    let known = used.compactMap { name in constants[name].map { NamedTensor(name, $0) } }
    var function = Graph(nodes: nodes, initializers: inputs + known)
    ConstantFolding().fold(&function, context.operatorSets, context.engine)
    guard function.nodes.isEmpty,
      let tensor = function.initializers.first(where: { $0.name == output })?.tensor,
      tensor.count == 256, tensor.elementType.stride == 1
    else { return nil }
    return Array(tensor.bits(as: UInt8.self))
  }
}

extension QuantizedValue {
  /// The numbers that integers note: all 256, in the order of their bits, or those with these bits.
  fileprivate func reals(at bits: [UInt8]? = nil) -> Tensor {
    let (scale, zero) = (uniformScale, Float(uniformZero))
    let isSigned = elementType == .int8
    return Tensor(
      shape: [256],
      (bits ?? Array(0...255)).map { code in
        ((isSigned ? Float(Int8(bitPattern: code)) : Float(code)) - zero) * scale
      })
  }
}
