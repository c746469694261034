import ONNX

extension Model {
  /// The model with the weights of its matrix products in int4, with a scale for each 32 elements
  /// that are summed; they are computed with in float32, by `DequantizeLinear`.
  ///
  /// - Parameters:
  ///   - kept: nodes, by name or operator, that stay as they are
  ///   - block: how many elements have a scale
  /// - Returns: the model, and how many products are quantised
  /// - Throws: `ModelError`, and `ConversionError` where no product can be
  public func blockQuantized(
    keeping kept: NamePatterns = NamePatterns([]), block: Int = 32
  ) throws -> (model: Model, products: Int) {
    var result = try prepared(forOperatorSet: 21)
    let products = result.products(keeping: kept).filter { $0.sumAxis != nil }
    guard !products.isEmpty else { throw ConversionError("no product has constant weights") }
    var builder = GraphBuilder(taken: result.graph.allNames)
    var made: [String: String] = [:]
    var replacements: [Int: [Node]] = [:]
    for product in products {
      guard let axis = product.sumAxis else { continue }
      var node = result.graph.nodes[product.index]
      let own = node.inputs[1]
      var nodes: [Node] = []
      if made["\(own) \(axis)"] == nil {
        // Shorter than a block, all of the axis has one scale.
        let size = min(block, product.weights.shape[axis])
        let weights = try QuantizedWeights.int4(product.weights, axis: axis, block: size)
        let names = [
          builder.constant(weights.values, hint: "\(own)_int4"),
          builder.constant(weights.scales, hint: "\(own)_scale"),
        ]
        let output = builder.unique("\(own)_float")
        nodes.append(
          Node(
            "DequantizeLinear", name: output, inputs: names, outputs: [output],
            attributes: [.int("axis", axis), .int("block_size", size)]))
        made["\(own) \(axis)"] = output
      }
      node.inputs[1] = made["\(own) \(axis)"] ?? own
      replacements[product.index] = nodes + [node]
    }
    result.replace(replacements, adding: builder.initializers)
    result.graph.makeNodeNamesUnique(keeping: graph)
    try result.check()
    return (result, products.count)
  }
}
