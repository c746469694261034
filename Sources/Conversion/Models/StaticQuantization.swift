import ONNX

extension Model {
  /// The model with `QuantizeLinear` and `DequantizeLinear` around its matrix products and
  /// convolutions, which inference engines fuse to 8-bit products. Activations are uint8, in the
  /// ranges that they take on samples; weights are uint8 with a scale for each output; biases are
  /// int32.
  ///
  /// - Parameters:
  ///   - samples: typical inputs, by name, of one run each
  ///   - kept: names or operators of nodes that are not quantized
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Returns: the model, and the number of products that were quantized
  /// - Throws: `ConversionError` where there are no samples or no product has constant weights, and
  ///   for a model that is invalid or does not run on the samples
  public func staticallyQuantized(
    calibratedBy samples: [[String: Value]], keeping kept: NamePatterns = NamePatterns([]),
    operators: [any Operator.Type] = []
  ) throws(ConversionError) -> (model: Model, products: Int) {
    do { return try calibrated(by: samples, keeping: kept, operators) } catch {
      throw ConversionError(wrapping: error)
    }
  }

  private func calibrated(
    by samples: [[String: Value]], keeping kept: NamePatterns, _ operators: [any Operator.Type]
  ) throws -> (model: Model, products: Int) {
    guard !samples.isEmpty else { throw ConversionError("calibration needs at least one sample") }
    var result = try prepared(forOperatorSet: 13, operators)
    // Ranges are observed in the model's own graph only.
    let products = result.products(keeping: kept).filter {
      $0.graph == 0 && ($0.integerOperator != nil || $0.isTransposedConvolution)
    }
    guard !products.isEmpty else { throw result.withoutProducts }
    let nodes = result.graph.nodes
    let users = nodes.reduce(into: [String: [Node]]()) { users, node in
      for name in node.usedNames { users[name, default: []].append(node) }
    }
    let outputs = Set(result.graph.outputs.map(\.name))
    /// The output of the node, or of the clamp that is its only reader.
    func resultName(_ node: Node) -> String {
      let name = node.outputs[0]
      guard !outputs.contains(name), let readers = users[name], readers.count == 1,
        let output = readers[0].outputs.first, readers[0].facts?.eightBitForm == .clamp
      else { return name }
      return output
    }
    var observed: Set<String> = []
    for product in products {
      observed.insert(nodes[product.index].inputs[0])
      observed.insert(resultName(nodes[product.index]))
    }
    // Engines stay in 8 bits between products for these, if all inputs are quantized anyway.
    for node in nodes where node.facts?.eightBitForm == .ownScale {
      if kept.contains(node.name ?? "") || kept.contains(node.operatorType) { continue }
      if node.inputs.allSatisfy(observed.contains) { observed.insert(resultName(node)) }
    }
    var ranges = try result.ranges(of: observed.sorted(), samples, operators)
    for node in nodes where node.facts?.eightBitForm == .inputScale {
      if let range = ranges[node.inputs[0]], ranges[node.outputs[0]] != nil {
        ranges[node.outputs[0]] = range
      }
    }
    var quantization = StaticQuantization(result.graph, ranges)
    for product in products { try quantization.quantize(product, of: nodes[product.index]) }
    quantization.apply(to: &result)
    result.graph.makeNodeNamesUnique(keeping: graph)
    try result.check(operators)
    return (result, products.count)
  }

  /// The range of each value in runs on the samples, extended to hold 0.
  /// - Throws: `ModelError` where the model does not run
  func ranges(
    of names: [String], _ samples: [[String: Value]], _ operators: [any Operator.Type]
  ) throws(ModelError) -> [String: ClosedRange<Float>] {
    var observed = self
    let present = Set(graph.outputs.map(\.name))
    let made = Set(graph.nodes.flatMap(\.outputs))
    observed.graph.outputs += names.filter { !present.contains($0) && made.contains($0) }.map {
      ValueInfo($0, nil)
    }
    var options = SessionOptions()
    options.operators = operators
    let session = try Session(observed, options: options)
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
  /// `known`, extended to hold all finite elements of a float32 tensor.
  fileprivate func range(with known: ClosedRange<Float>) -> ClosedRange<Float> {
    var (low, high) = (known.lowerBound, known.upperBound)
    for number in elements(as: Float.self) where number.isFinite {
      low = min(low, number)
      high = max(high, number)
    }
    return low...high
  }
}

/// The changes to one graph: quantized values, and the nodes that quantize them.
private struct StaticQuantization {
  private let ranges: [String: ClosedRange<Float>]
  private let constants: [String: Tensor]
  private var builder: GraphBuilder
  /// The names of values after rounding, and the scales of the rounding.
  private var rounded: [String: (name: String, scale: Float)] = [:]
  /// Nodes to insert after the one that computes a value.
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

  /// Rounds a value to uint8.
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

  mutating func quantize(
    _ product: QuantizedProduct, of node: Node
  ) throws(TensorError) {
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
    // Sums of products are multiples of the product of both scales, and so must the bias be.
    guard node.inputs.count > 2, let bias = constants[node.inputs[2]],
      bias.elementType == .float32, bias.shape == [weights.scales.count],
      node.number("alpha") ?? 1 == 1 && node.number("beta") ?? 1 == 1
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
    // The graph's outputs keep their names and are the rounded values.
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
  /// A new name like `hint`, which the builder does not remember.
  fileprivate func hidden(_ hint: String) -> String {
    var copy = self
    return copy.unique("\(hint)_raw")
  }
}
