import ONNX

extension Model {
  /// The model with `QuantizeLinear` and `DequantizeLinear` around its products, as inference engines
  /// want it to compute them in int8: activations in uint8 by the ranges that samples show, weights in
  /// uint8 with a scale for each output, biases in int32.
  ///
  /// - Parameters:
  ///   - samples: inputs of runs that are typical, by name
  ///   - kept: nodes, by name or operator, that stay as they are
  /// - Returns: the model, and how many products are quantised
  /// - Throws: `ModelError`, and `ConversionError` where no product can be quantised
  public func staticallyQuantized(
    calibratedBy samples: [[String: Value]], keeping kept: NamePatterns = NamePatterns([])
  ) throws -> (model: Model, products: Int) {
    guard !samples.isEmpty else { throw ConversionError("there are no samples to calibrate by") }
    var result = try prepared(forOperatorSet: 13)
    let products = result.products(keeping: kept)
    guard !products.isEmpty else { throw ConversionError("no product has constant weights") }
    let nodes = result.graph.nodes
    let users = nodes.reduce(into: [String: [Node]]()) { users, node in
      for name in node.usedNames { users[name, default: []].append(node) }
    }
    let outputs = Set(result.graph.outputs.map(\.name))
    /// The output of the product, or of the activation that alone reads it.
    func resultName(_ node: Node) -> String {
      let name = node.outputs[0]
      guard !outputs.contains(name), let readers = users[name], readers.count == 1,
        let output = readers[0].outputs.first, ["Relu", "Clip"].contains(readers[0].operatorType)
      else { return name }
      return output
    }
    var observed: Set<String> = []
    for product in products {
      observed.insert(nodes[product.index].inputs[0])
      observed.insert(resultName(nodes[product.index]))
    }
    // What engines compute in int8 between products, of values that are in int8 anyway.
    for node in nodes
    where ["Add", "AveragePool", "Concat", "GlobalAveragePool"]
      .contains(node.operatorType)
    {
      if kept.contains(node.name ?? "") || kept.contains(node.operatorType) { continue }
      if node.inputs.allSatisfy(observed.contains) { observed.insert(resultName(node)) }
    }
    var ranges = try result.ranges(of: observed.sorted(), samples)
    // What only moves numbers keeps their scale.
    for node in nodes
    where ["Flatten", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze"]
      .contains(node.operatorType)
    {
      if let range = ranges[node.inputs[0]], ranges[node.outputs[0]] != nil {
        ranges[node.outputs[0]] = range
      }
    }
    var quantization = StaticQuantization(result.graph, ranges)
    for product in products { try quantization.quantize(product, of: nodes[product.index]) }
    quantization.apply(to: &result)
    result.graph.makeNodeNamesUnique(keeping: graph)
    try result.check()
    return (result, products.count)
  }

  /// The least and the greatest number that values take in runs on samples, 0 always among them.
  func ranges(
    of names: [String], _ samples: [[String: Value]]
  ) throws(ModelError) -> [String: ClosedRange<Float>] {
    var observed = self
    let present = Set(graph.outputs.map(\.name))
    let made = Set(graph.nodes.flatMap(\.outputs))
    observed.graph.outputs += names.filter { !present.contains($0) && made.contains($0) }.map {
      ValueInfo($0, nil)
    }
    let session = try Session(observed)
    var ranges: [String: ClosedRange<Float>] = [:]
    for sample in samples {
      let results = try session.run(values: sample).merging(sample) { result, _ in result }
      for name in names {
        guard let tensor = results[name]?.tensor, tensor.elementType == .float32 else { continue }
        ranges[name] = tensor.range(with: ranges[name] ?? 0...0)
      }
    }
    return ranges
  }
}

extension Tensor {
  /// The least and the greatest finite number of float32 elements, and of `known`.
  fileprivate func range(with known: ClosedRange<Float>) -> ClosedRange<Float> {
    var (low, high) = (known.lowerBound, known.upperBound)
    for number in elements(as: Float.self) where number.isFinite {
      low = min(low, number)
      high = max(high, number)
    }
    return low...high
  }
}

/// Quantised values of one graph in the making.
private struct StaticQuantization {
  private let ranges: [String: ClosedRange<Float>]
  private let constants: [String: Tensor]
  private var builder: GraphBuilder
  /// The names under which values go on after they were rounded.
  private var rounded: [String: (name: String, scale: Float)] = [:]
  /// Nodes to go behind the one that makes a value.
  private var following: [String: [Node]] = [:]
  private var leading: [Node] = []
  private var inputs: [Int: [Int: String]] = [:]
  private let made: Set<String>

  init(_ graph: Graph, _ ranges: [String: ClosedRange<Float>]) {
    self.ranges = ranges
    self.builder = GraphBuilder(taken: graph.allNames)
    self.made = Set(graph.nodes.flatMap(\.outputs))
    var constants: [String: Tensor] = [:]
    for initializer in graph.initializers {
      if let name = initializer.name { constants[name] = initializer.tensor }
    }
    self.constants = constants
    for name in ranges.keys.sorted() { round(name) }
  }

  /// Has a value rounded to uint8.
  private mutating func round(_ name: String) {
    guard let range = ranges[name] else { return }
    let width = range.upperBound - range.lowerBound
    let scale = width > 0 && width.isFinite ? width / 255 : 1
    let zero = UInt8(QuantizedWeights.rounded(-range.lowerBound / scale, 0, 255))
    let parameters = [
      builder.constant(Tensor(scale), hint: "\(name)_scale"),
      builder.constant(Tensor(zero), hint: "\(name)_zero_point"),
    ]
    let quantized = builder.unique("\(name)_quantized")
    let result = builder.unique("\(name)_rounded")
    let nodes = [
      Node(
        "QuantizeLinear", name: quantized, inputs: [name] + parameters, outputs: [quantized]),
      Node(
        "DequantizeLinear", name: result, inputs: [quantized] + parameters, outputs: [result]),
    ]
    rounded[name] = (result, scale)
    if made.contains(name) { following[name] = nodes } else { leading += nodes }
  }

  mutating func quantize(_ product: QuantizedProduct, of node: Node) throws {
    guard let x = rounded[node.inputs[0]] else { return }
    let own = node.inputs[1]
    let weights = try QuantizedWeights.bytes(product.weights, axis: product.outputAxis)
    let scales = builder.constant(weights.scales, hint: "\(own)_scale")
    let zeros = builder.constant(
      Tensor(
        shape: [weights.scales.count],
        [UInt8](repeating: QuantizedWeights.zero, count: weights.scales.count)),
      hint: "\(own)_zero_point")
    let values = builder.constant(weights.values, hint: "\(own)_uint8")
    inputs[product.index, default: [:]][1] = dequantize(
      [values, scales, zeros], own, [.int("axis", product.outputAxis)])
    // The sums of products are in steps of both scales, and so is what is added to them.
    guard node.inputs.count > 2, let bias = constants[node.inputs[2]],
      bias.elementType == .float32, bias.shape == [weights.scales.count],
      product.kind == .conv || node.number("alpha") ?? 1 == 1 && node.number("beta") ?? 1 == 1
    else { return }
    let steps = weights.scaleList.map { $0 * x.scale }
    let numbers = zip(bias.elements(as: Float.self), steps).map { number, step in
      Int32(QuantizedWeights.rounded(number / step, -0x1p30, 0x1p30))
    }
    let name = node.inputs[2]
    inputs[product.index, default: [:]][2] = dequantize(
      [
        builder.constant(Tensor(shape: bias.shape, numbers), hint: "\(name)_int32"),
        builder.constant(Tensor(shape: bias.shape, steps), hint: "\(name)_scale"),
      ], name, [.int("axis", 0)])
  }

  private mutating func dequantize(
    _ names: [String], _ hint: String, _ attributes: [Attribute]
  ) -> String {
    let output = builder.unique("\(hint)_float")
    leading.append(
      Node(
        "DequantizeLinear", name: output, inputs: names, outputs: [output], attributes: attributes))
    return output
  }

  func apply(to model: inout Model) {
    var nodes = leading
    for (index, node) in model.graph.nodes.enumerated() {
      var node = node
      let own = inputs[index] ?? [:]
      for (place, name) in node.inputs.enumerated() {
        node.inputs[place] = own[place] ?? rounded[name]?.name ?? name
      }
      nodes.append(node)
      for output in node.outputs { nodes += following[output] ?? [] }
    }
    // The graph's own outputs keep their names: they are what was rounded.
    for output in model.graph.outputs {
      guard let inner = rounded[output.name] else { continue }
      let raw = builder.hidden(output.name)
      for index in nodes.indices {
        nodes[index].renameValues { name in
          name == output.name ? raw : name == inner.name ? output.name : name
        }
      }
    }
    model.graph.nodes = nodes
    model.graph.initializers += builder.initializers
    model.irVersion = max(model.irVersion ?? 4, 4)
    model.removeUnused()
  }
}

extension GraphBuilder {
  /// A new name told by `hint`, of a copy of the builder.
  fileprivate func hidden(_ hint: String) -> String {
    var copy = self
    return copy.unique("\(hint)_raw")
  }
}
