import ONNX

extension Model {
  /// The model with its products in int8: weights once and for all, with a scale for each output;
  /// what they are multiplied with, at each run, by `DynamicQuantizeLinear`.
  ///
  /// - Parameter kept: nodes, by name or operator, that stay as they are
  /// - Returns: the model, and how many products are quantised
  /// - Throws: `ModelError`, and `ConversionError` where no product can be
  public func dynamicallyQuantized(
    keeping kept: NamePatterns = NamePatterns([])
  ) throws -> (model: Model, products: Int) {
    var result = try prepared(forOperatorSet: 13)
    let products = result.products(keeping: kept)
    guard !products.isEmpty else { throw ConversionError("no product has constant weights") }
    var builder = GraphBuilder(taken: result.graph.allNames)
    var activations: [String: [String]] = [:]
    var replacements: [Int: [Node]] = [:]
    for product in products {
      let node = result.graph.nodes[product.index]
      let x = node.inputs[0]
      var nodes: [Node] = []
      func add(
        _ type: String, _ inputs: [String], _ attributes: [Attribute] = [], to names: [String]
      ) {
        nodes.append(
          Node(type, name: names[0], inputs: inputs, outputs: names, attributes: attributes))
      }
      let parts: [String]
      if let known = activations[x] {
        parts = known
      } else {
        parts = ["quantized", "scale", "zero_point"].map { builder.unique("\(x)_\($0)") }
        add("DynamicQuantizeLinear", [x], to: parts)
        activations[x] = parts
      }
      let isTransposed = product.kind == .gemm && product.outputAxis == 0
      let matrix = isTransposed ? try product.weights.transposed() : product.weights
      let weights = try QuantizedWeights.bytes(
        matrix, axis: isTransposed ? 1 : product.outputAxis)
      let own = node.inputs[1]
      let values = builder.constant(weights.values, hint: "\(own)_uint8")
      let alpha = product.kind == .gemm ? node.number("alpha") ?? 1 : 1
      let shape =
        [weights.scales.count]
        + (product.kind == .conv ? Array(repeating: 1, count: matrix.shape.count - 2) : [])
      let scales = builder.constant(
        Tensor(shape: shape, weights.scaleList.map { $0 * alpha }), hint: "\(own)_scale")
      let zero = builder.constant(Tensor(QuantizedWeights.zero), hint: "\(own)_zero_point")
      let output = node.outputs[0]
      let sum = builder.unique("\(output)_int32")
      add(
        product.kind == .conv ? "ConvInteger" : "MatMulInteger",
        [parts[0], values, parts[2], zero], product.kind == .conv ? node.attributes : [],
        to: [sum])
      let numbers = builder.unique("\(output)_float")
      add("Cast", [sum], [.int("to", Int(ElementType.float32.rawValue))], to: [numbers])
      let factor = builder.unique("\(output)_scale")
      add("Mul", [parts[1], scales], to: [factor])
      var bias = node.inputs.count > 2 && !node.inputs[2].isEmpty ? node.inputs[2] : nil
      if product.kind == .conv, let name = bias {
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
      replacements[product.index] = nodes
    }
    result.replace(replacements, adding: builder.initializers)
    result.graph.makeNodeNamesUnique(keeping: graph)
    try result.check()
    return (result, products.count)
  }

  /// Puts other nodes in place of some.
  mutating func replace(_ replacements: [Int: [Node]], adding tensors: [NamedTensor]) {
    graph.nodes = graph.nodes.enumerated().flatMap { index, node in
      replacements[index] ?? [node]
    }
    graph.initializers += tensors
    irVersion = max(irVersion ?? 4, 4)
    removeUnused()
  }
}

extension Tensor {
  /// A float32 matrix with rows and columns exchanged.
  func transposed() throws(TensorError) -> Tensor {
    let (rows, columns) = (shape[0], shape[1])
    let source = elements(as: Float.self)
    return try Tensor(Float.self, shape: [columns, rows]) { target in
      for row in 0..<rows {
        for column in 0..<columns { target[column * rows + row] = source[row * columns + column] }
      }
    }
  }
}
