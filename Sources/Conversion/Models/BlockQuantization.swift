import ONNX

extension Model {
  /// The model with the weights of its matrix products in int4, in subgraphs too, with one scale for
  /// each block of elements along the summed axis. `DequantizeLinear` converts them to float32 for the product.
  ///
  /// - Parameters:
  ///   - kept: names or operators of nodes that are not quantized
  ///   - block: the number of elements that share a scale
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Returns: the model, and the number of products that were quantized
  /// - Throws: `ConversionError` where no product has constant weights, and for an invalid model
  public func blockQuantized(
    keeping kept: NamePatterns = NamePatterns([]), block: Int = 32,
    operators: [any Operator.Type] = []
  ) throws(ConversionError) -> (model: Model, products: Int) {
    do { return try quantizedInBlocks(keeping: kept, block: block, operators) } catch {
      throw ConversionError(wrapping: error)
    }
  }

  private func quantizedInBlocks(
    keeping kept: NamePatterns, block: Int, _ operators: [any Operator.Type]
  ) throws -> (model: Model, products: Int) {
    var result = try prepared(forOperatorSet: 21, operators)
    let products = result.products(keeping: kept).filter {
      $0.sumAxis != nil && $0.integerOperator != nil
    }
    guard !products.isEmpty else { throw result.withoutProducts }
    var builder = GraphBuilder(taken: result.graph.allNames)
    var constants: [Form: [String]] = [:]
    var made: [Form: String] = [:]
    var replacements: [String: [Node]] = [:]
    for product in products {
      guard var axis = product.sumAxis else { continue }
      var node = product.node
      let own = node.inputs[1]
      var nodes: [Node] = []
      var weights = product.weights
      var isTransposed = false
      var bias: [Node] = []
      if node.operatorType != "MatMul", node.number("alpha") ?? 1 == 1,
        node.number("beta") ?? 1 == 1
      {
        // Engines fuse the weights' scales with `MatMul`, not with `Gemm`.
        isTransposed = axis == 1
        if isTransposed { weights = try weights.transposed() }
        axis = 0
        let sum = builder.unique("\(node.outputs[0])_product")
        if node.inputs.count > 2, !node.inputs[2].isEmpty {
          bias = [
            Node("Add", name: node.name, inputs: [sum, node.inputs[2]], outputs: node.outputs)
          ]
          node.name = sum
          node.outputs = [sum]
        }
        node.operatorType = "MatMul"
        node.attributes = []
        node.inputs = Array(node.inputs.prefix(2))
      }
      var key = Form(weight: own, axis: axis, isTransposed: isTransposed, graph: 0)
      // An axis shorter than a block has one scale.
      let size = min(block, weights.shape[axis])
      let names: [String]
      if let known = constants[key] {
        names = known
      } else {
        let quantized = try QuantizedWeights.int4(weights, axis: axis, block: size)
        names = [
          builder.constant(quantized.values, hint: "\(own)_int4"),
          builder.constant(quantized.scales, hint: "\(own)_scale"),
        ]
        constants[key] = names
      }
      // A graph does not see the values of another one.
      key.graph = product.graph
      if made[key] == nil {
        let output = builder.unique("\(own)_float")
        nodes.append(
          Node(
            "DequantizeLinear", name: output, inputs: names, outputs: [output],
            attributes: [.int("axis", axis), .int("block_size", size)]))
        made[key] = output
      }
      node.inputs[1] = made[key] ?? own
      replacements[product.output] = nodes + [node] + bias
    }
    result.replace(replacements, adding: builder.initializers)
    result.graph.makeNodeNamesUnique(keeping: graph)
    try result.check(operators)
    return (result, products.count)
  }
}

/// A way in which a weight is quantized.
private struct Form: Hashable {
  let weight: String
  let axis: Int
  let isTransposed: Bool
  /// The number of the graph that uses it.
  var graph: Int
}
