import ONNX

/// A linear map with constant weights that is quantized: a matrix product or a convolution.
struct QuantizedProduct {
  let node: Node
  /// The position of the node in its graph.
  let index: Int
  /// The number of its graph; 0 for the model's own, others for subgraphs.
  let graph: Int
  let weights: Tensor
  /// The axis of the weights that counts the outputs.
  let outputAxis: Int
  /// The axis of the weights that is summed over; `nil` for convolutions, which have several.
  let sumAxis: Int?
  /// The operator that computes the same product of 8-bit integers; `nil` where there is none.
  let integerOperator: String?

  var isConvolution: Bool { sumAxis == nil }

  /// Whether the product is a transposed convolution of one group, which has a scale for each output
  /// along one axis of its weights.
  var isTransposedConvolution: Bool {
    isConvolution && outputAxis == 1 && node.linearWeight?.groups == 1
  }

  /// The name that replacements go by.
  var output: String { node.outputs[0] }
}

extension Model {
  /// The products whose weights a run cannot replace, in the order of the file: nodes of a subgraph
  /// before the node that holds it. Each value must have a name of its own.
  func products(keeping kept: NamePatterns) -> [QuantizedProduct] {
    var constants = fixedInitializers
    var products: [QuantizedProduct] = []
    var count = 0
    func collect(_ graph: Graph) {
      let number = count
      count += 1
      if number > 0 {
        let inputs = Set(graph.inputs.map(\.name))
        for initializer in graph.initializers {
          if let name = initializer.name, !inputs.contains(name) {
            constants[name] = initializer.tensor
          }
        }
      }
      for node in graph.nodes where node.isStandard("Constant") {
        if let name = node.outputs.first { constants[name] = node.attribute("value")?.tensorValue }
      }
      for (index, node) in graph.nodes.enumerated() {
        if kept.contains(node) { continue }
        for graph in node.subgraphs { collect(graph) }
        guard node.inputs.count > 1, node.outputs.first?.isEmpty == false,
          let weights = constants[node.inputs[1]],
          weights.elementType == .float32, weights.count > 0, node.hasStandardDomain,
          let layout = node.linearWeight, !node.isNormalization,
          layout.outputAxis < weights.shape.count,
          layout.sumAxis == nil ? weights.shape.count >= 3 : weights.shape.count == 2
        else { continue }
        products.append(
          QuantizedProduct(
            node: node, index: index, graph: number, weights: weights,
            outputAxis: layout.outputAxis, sumAxis: layout.sumAxis,
            integerOperator: node.facts?.integerProduct(node)))
      }
    }
    collect(graph)
    return products
  }

  /// The error for a model without products that can be quantized, with the reason where it shows.
  var withoutProducts: ConversionError {
    var kinds: Set<String> = []
    var domains: Set<String> = []
    var isQuantized = false
    var waiting = graph.nodes
    while let node = waiting.popLast() {
      waiting += node.subgraphs.flatMap(\.nodes)
      isQuantized = isQuantized || Self.quantizedKinds.contains(node.operatorType)
      if !node.hasStandardDomain, let domain = node.domain, !domain.hasPrefix("ai.onnx") {
        domains.insert(domain)
        kinds.insert(node.operatorType)
      }
    }
    var text = "no product has constant float32 weights"
    if isQuantized { text += "; the model is quantized already" }
    if !kinds.isEmpty {
      let list = kinds.sorted().prefix(4).joined(separator: ", ")
      text += "; operators of \(domains.sorted().joined(separator: ", ")) (\(list)"
      text +=
        "\(kinds.count > 4 ? ", …" : "")) are not quantized: convert the model that they came from"
    }
    return ConversionError(text)
  }

  private static let quantizedKinds: Set = [
    "DequantizeLinear", "MatMulInteger", "ConvInteger", "QLinearConv", "QLinearMatMul",
    "MatMulNBits", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QGemm", "QAttention",
  ]

  /// The model with its functions inlined, in operator set `version` or a newer one.
  func prepared(
    forOperatorSet version: Int, _ operators: [any Operator.Type]
  ) throws(ModelError) -> Model {
    let plain = try withOwnInitializers().withoutFunctions()
    var result = try plain.converted(
      toOperatorSet: max(version, plain.operatorSets.version(of: "") ?? 1),
      operators: operators)
    result.graph.makeInnerNamesUnique()
    return result
  }
}

/// Weights as integers and scales: `w ≈ scale · q`.
struct QuantizedWeights {
  let values: Tensor
  let scales: Tensor
  var scaleList: [Float] { Array(scales.elements(as: Float.self)) }

  /// The zero point of the values that `bytes` makes.
  static let zero: UInt8 = 128

  /// Quantizes to uint8 with a scale for each index of an axis: `q = round(w / scale) + 128`, where
  /// the largest `|w|` becomes 127. The type is uint8 because on CPUs that add pairs of products in
  /// 16 bits, products of uint8 with int8 saturate.
  /// - Throws: `TensorError` when memory runs out
  static func bytes(_ weights: Tensor, axis: Int) throws(TensorError) -> QuantizedWeights {
    let source = weights.elements(as: Float.self)
    let count = weights.shape[axis]
    let inner = weights.shape[(axis + 1)...].reduce(1, *)
    var largest = [Float](repeating: 0, count: count)
    forEachRun(weights.count, inner, count) { channel, range in
      for index in range where source[index].isFinite {
        largest[channel] = max(largest[channel], abs(source[index]))
      }
    }
    let scales = largest.map { $0 > 0 ? $0 / 127 : 1 }
    let values = try Tensor(UInt8.self, shape: weights.shape) { target in
      forEachRun(weights.count, inner, count) { channel, range in
        let scale = scales[channel]
        for index in range {
          target[index] = UInt8(rounded(source[index] / scale, -127, 127) + Float(zero))
        }
      }
    }
    return QuantizedWeights(values: values, scales: Tensor(shape: [count], scales))
  }

  /// Quantizes to int4 with a scale for each `block` elements along an axis. The scale maps the
  /// element farthest from 0 to −8, whatever its sign, or beyond the range: the scale with the least
  /// squared error is taken.
  /// - Throws: `TensorError` when memory runs out
  static func int4(_ weights: Tensor, axis: Int, block: Int) throws(TensorError) -> QuantizedWeights
  {
    let source = weights.elements(as: Float.self)
    let size = weights.shape[axis]
    let inner = weights.shape[(axis + 1)...].reduce(1, *)
    let blocks = (size + block - 1) / block
    var shape = weights.shape
    shape[axis] = blocks
    let scaleCount = shape.reduce(1, *)
    /// The index of an element's scale.
    func place(_ index: Int) -> Int {
      let (outer, rest) = index.quotientAndRemainder(dividingBy: size * inner)
      return (outer * blocks + rest / inner / block) * inner + rest % inner
    }
    var extremes = [Float](repeating: 0, count: scaleCount)
    for index in 0..<weights.count where source[index].isFinite {
      let place = place(index)
      if abs(source[index]) > abs(extremes[place]) { extremes[place] = source[index] }
    }
    // A smaller scale clips the farthest elements and is finer for all others.
    var scales = [Float](repeating: 1, count: scaleCount)
    var least = [Float](repeating: .infinity, count: scaleCount)
    for step in 0...8 {
      let candidates = extremes.map { $0 == 0 ? 1 : $0 / -8 * (1 - 0.04 * Float(step)) }
      var errors = [Float](repeating: 0, count: scaleCount)
      for index in 0..<weights.count {
        let place = place(index)
        let code = rounded(source[index] / candidates[place], -8, 7)
        let error = source[index] - code * candidates[place]
        errors[place] += error * error
      }
      for place in 0..<scaleCount where errors[place] < least[place] {
        least[place] = errors[place]
        scales[place] = candidates[place]
      }
    }
    let values = try Tensor(Int4.self, shape: weights.shape) { target in
      for index in 0..<weights.count {
        target[index] = Int4(rawValue: Int8(rounded(source[index] / scales[place(index)], -8, 7)))
      }
    }
    return QuantizedWeights(values: values, scales: Tensor(shape: shape, scales))
  }

  /// The nearest integer within bounds; 0 for NaN.
  static func rounded(_ x: Float, _ low: Float, _ high: Float) -> Float {
    x.isNaN ? 0 : min(max(x.rounded(.toNearestOrEven), low), high)
  }

  private static func forEachRun(
    _ total: Int, _ inner: Int, _ count: Int, _ body: (Int, Range<Int>) -> Void
  ) {
    for (run, start) in stride(from: 0, to: total, by: inner).enumerated() {
      body(run % count, start..<start + inner)
    }
  }
}
