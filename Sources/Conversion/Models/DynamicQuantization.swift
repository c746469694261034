import ONNX

extension Model {
  /// The model with its matrix products and convolutions in 8-bit integers, in subgraphs too. Weights
  /// are quantized once, with a scale for each output, and activations at every run, by
  /// `DynamicQuantizeLinear`. Transposed convolutions, for which the standard has no integer operator,
  /// multiply in float32, by weights from a `DequantizeLinear`.
  ///
  /// - Parameters:
  ///   - kept: names or operators of nodes that are not quantized
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Returns: the model, and the number of products that were quantized
  /// - Throws: `ConversionError` where no product has constant weights, and for an invalid model
  public func dynamicallyQuantized(
    keeping kept: NamePatterns = NamePatterns([]),
    operators: [any Operator.Type] = []
  ) throws(ConversionError) -> (model: Model, products: Int) {
    do { return try quantizedAtRun(keeping: kept, operators) } catch {
      throw ConversionError(wrapping: error)
    }
  }

  private func quantizedAtRun(
    keeping kept: NamePatterns, _ operators: [any Operator.Type]
  ) throws -> (model: Model, products: Int) {
    var result = try prepared(forOperatorSet: 13, operators)
    let products = result.products(keeping: kept).filter {
      $0.integerOperator != nil || $0.isTransposedConvolution
    }
    guard !products.isEmpty else { throw result.withoutProducts }
    var builder = GraphBuilder(taken: result.graph.allNames)
    var activations: [String: [String]] = [:]
    var replacements: [String: [Node]] = [:]
    for product in products {
      let node = product.node
      guard let integerOperator = product.integerOperator else {
        replacements[product.output] = try dequantized(product, &builder)
        continue
      }
      let x = node.inputs[0]
      var nodes: [Node] = []
      func add(
        _ type: String, _ inputs: [String], _ attributes: [Attribute] = [], to names: [String]
      ) {
        nodes.append(
          Node(type, name: names[0], inputs: inputs, outputs: names, attributes: attributes))
      }
      let parts: [String]
      // A graph does not see the values of another one.
      let key = "\(product.graph) \(x)"
      if let known = activations[key] {
        parts = known
      } else {
        parts = ["quantized", "scale", "zero_point"].map { builder.unique("\(x)_\($0)") }
        add("DynamicQuantizeLinear", [x], to: parts)
        activations[key] = parts
      }
      let isTransposed = product.sumAxis == 1
      let matrix = isTransposed ? try product.weights.transposed() : product.weights
      let weights = try QuantizedWeights.bytes(
        matrix, axis: isTransposed ? 1 : product.outputAxis)
      let own = node.inputs[1]
      let values = builder.constant(weights.values, hint: "\(own)_uint8")
      let alpha = node.number("alpha") ?? 1
      let shape =
        [weights.scales.count]
        + (product.isConvolution ? Array(repeating: 1, count: matrix.shape.count - 2) : [])
      let scales = builder.constant(
        Tensor(shape: shape, weights.scaleList.map { $0 * alpha }), hint: "\(own)_scale")
      let zero = builder.constant(Tensor(QuantizedWeights.zero), hint: "\(own)_zero_point")
      let output = node.outputs[0]
      let sum = builder.unique("\(output)_int32")
      add(
        integerOperator, [parts[0], values, parts[2], zero],
        product.isConvolution ? node.attributes : [], to: [sum])
      let numbers = builder.unique("\(output)_float")
      add("Cast", [sum], [.int("to", Int(ElementType.float32.rawValue))], to: [numbers])
      let factor = builder.unique("\(output)_scale")
      add("Mul", [parts[1], scales], to: [factor])
      var bias = node.inputs.count > 2 && !node.inputs[2].isEmpty ? node.inputs[2] : nil
      if product.isConvolution, let name = bias {
        let column = builder.unique("\(name)_column")
        let target = builder.constant(
          Tensor(shape: [shape.count], [-1] + Array(repeating: Int64(1), count: shape.count - 1)),
          hint: "\(name)_shape")
        add("Reshape", [name, target], to: [column])
        bias = column
      } else if let name = bias, let beta = node.number("beta"), beta != 1 {
        let scaled = builder.unique("\(name)_scaled")
        add("Mul", [name, builder.constant(Tensor(beta), hint: "beta")], to: [scaled])
        bias = scaled
      }
      if let bias {
        let scaled = builder.unique("\(output)_product")
        add("Mul", [numbers, factor], to: [scaled])
        add("Add", [scaled, bias], to: [output])
      } else {
        add("Mul", [numbers, factor], to: [output])
      }
      replacements[product.output] = nodes
    }
    result.replace(replacements, adding: builder.initializers)
    result.graph.makeNodeNamesUnique(keeping: graph)
    try result.check(operators)
    return (result, products.count)
  }

  /// The node of a product with 8-bit weights that are converted to float32 before it.
  private func dequantized(
    _ product: QuantizedProduct, _ builder: inout GraphBuilder
  ) throws -> [Node] {
    var node = product.node
    let own = node.inputs[1]
    let weights = try QuantizedWeights.bytes(product.weights, axis: product.outputAxis)
    let zeros = [UInt8](repeating: QuantizedWeights.zero, count: weights.scaleList.count)
    let inputs = [
      builder.constant(weights.values, hint: "\(own)_uint8"),
      builder.constant(weights.scales, hint: "\(own)_scale"),
      builder.constant(Tensor(shape: [zeros.count], zeros), hint: "\(own)_zero_point"),
    ]
    node.inputs[1] = builder.unique("\(own)_float")
    return [
      Node(
        "DequantizeLinear", name: node.inputs[1], inputs: inputs, outputs: [node.inputs[1]],
        attributes: [.int("axis", product.outputAxis)]), node,
    ]
  }

  /// Replaces nodes of all graphs, by the names of their first outputs, and adds initializers, which
  /// subgraphs see too.
  mutating func replace(_ replacements: [String: [Node]], adding tensors: [NamedTensor]) {
    graph.replace(replacements)
    graph.initializers += tensors
    irVersion = max(irVersion ?? 4, 4)
    graph.removeUnusedInside()
    removeUnused()
  }
}

extension Graph {
  fileprivate mutating func replace(_ replacements: [String: [Node]]) {
    nodes = nodes.flatMap { node in
      if let first = node.outputs.first, let new = replacements[first] { return new }
      var node = node
      node.changeSubgraphs { $0.replace(replacements) }
      return [node]
    }
  }
}
