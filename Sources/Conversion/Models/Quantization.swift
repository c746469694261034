import ONNX

/// The products of a model that are quantised: matrix products and convolutions with constant
/// weights.
struct QuantizedProduct {
  enum Kind { case matMul, gemm, conv }

  let kind: Kind
  /// Position of the node in the graph.
  let index: Int
  /// The weights, and the axis of theirs that counts the outputs.
  let weights: Tensor
  let outputAxis: Int
  /// The axis of the weights along which products are summed; `nil` for convolutions, which have
  /// several.
  let sumAxis: Int?
}

extension Model {
  /// The products with weights that a run cannot replace.
  func products(keeping kept: NamePatterns) -> [QuantizedProduct] {
    let inputs = Set(irVersion ?? 0 >= 4 ? graph.inputs.map(\.name) : [])
    var constants: [String: Tensor] = [:]
    for initializer in graph.initializers {
      if let name = initializer.name, !inputs.contains(name) {
        constants[name] = initializer.tensor
      }
    }
    for node in graph.nodes where node.operatorType == "Constant" {
      if let name = node.outputs.first { constants[name] = node.attribute("value")?.tensorValue }
    }
    return graph.nodes.enumerated().compactMap { index, node in
      guard Registry.normalized(domain: node.domain).isEmpty, node.inputs.count > 1,
        !kept.contains(node.name ?? ""), !kept.contains(node.operatorType),
        let weights = constants[node.inputs[1]], weights.elementType == .float32,
        weights.count > 0
      else { return nil }
      switch node.operatorType {
      case "MatMul" where weights.shape.count == 2:
        return QuantizedProduct(
          kind: .matMul, index: index, weights: weights, outputAxis: 1, sumAxis: 0)
      case "Gemm" where weights.shape.count == 2 && node.integer("transA") ?? 0 == 0:
        let isTransposed = node.integer("transB") ?? 0 != 0
        return QuantizedProduct(
          kind: .gemm, index: index, weights: weights, outputAxis: isTransposed ? 0 : 1,
          sumAxis: isTransposed ? 1 : 0)
      case "Conv" where weights.shape.count >= 3:
        return QuantizedProduct(
          kind: .conv, index: index, weights: weights, outputAxis: 0, sumAxis: nil)
      default: return nil
      }
    }
  }

  /// The model without functions, of an operator set not older than `version`.
  func prepared(forOperatorSet version: Int) throws(ModelError) -> Model {
    let plain = try withOwnInitializers().withoutFunctions()
    return try plain.converted(
      toOperatorSet: max(version, plain.operatorSets.version(of: "") ?? 1))
  }
}

extension Node {
  func integer(_ name: String) -> Int? {
    if case .int(let value)? = attribute(name)?.value { Int(value) } else { nil }
  }

  func number(_ name: String) -> Float? {
    if case .float(let value)? = attribute(name)?.value { value } else { nil }
  }
}

/// Weights as whole numbers and scales: `w ≈ scale · q`.
struct QuantizedWeights {
  let values: Tensor
  let scales: Tensor
  var scaleList: [Float] { Array(scales.elements(as: Float.self)) }

  /// What stands for 0 among the values of `bytes`.
  static let zero: UInt8 = 128

  /// Eight bits with a scale for each index of an axis: `q = round(w / scale) + 128`, the largest
  /// `|w|` being 127 from there. They are uint8 because products of uint8 with int8 saturate in
  /// engines on CPUs that add pairs of them in 16 bits.
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

  /// int4 with a scale for each `block` elements along an axis. The element that is farthest from 0
  /// goes to −8, whatever its sign, or beyond: of several scales the one of least squared error.
  static func int4(_ weights: Tensor, axis: Int, block: Int) throws(TensorError) -> QuantizedWeights
  {
    let source = weights.elements(as: Float.self)
    let size = weights.shape[axis]
    let inner = weights.shape[(axis + 1)...].reduce(1, *)
    let blocks = (size + block - 1) / block
    var shape = weights.shape
    shape[axis] = blocks
    let scaleCount = shape.reduce(1, *)
    /// Which scale an element has.
    func place(_ index: Int) -> Int {
      let (outer, rest) = index.quotientAndRemainder(dividingBy: size * inner)
      return (outer * blocks + rest / inner / block) * inner + rest % inner
    }
    var extremes = [Float](repeating: 0, count: scaleCount)
    for index in 0..<weights.count where source[index].isFinite {
      let place = place(index)
      if abs(source[index]) > abs(extremes[place]) { extremes[place] = source[index] }
    }
    // A smaller scale cuts the farthest elements off and is finer for all others.
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

  /// The nearest whole number within bounds; 0 for what is no number.
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
