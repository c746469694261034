import ONNXFormat

/// `y = (x − mean) / √(variance + ε) · weight + bias` behind a linear map of `C` outputs.
struct BatchNormValues {
  /// `weight / √(variance + ε)` for each output.
  let scales: [Double]
  let means: [Double]
  let biases: [Double]

  /// - Parameters:
  ///   - weight: `[C]`, or `nil` for 1; `bias` likewise, `nil` for 0
  init(
    weight: Tensor?, bias: Tensor?, mean: Tensor, variance: Tensor, epsilon: Double
  ) throws(FormatError) {
    let variances = try variance.wideElements()
    let means = try mean.wideElements()
    let weights = try weight.map { (tensor) throws(FormatError) in try tensor.wideElements() }
    let biases =
      try bias.map { (tensor) throws(FormatError) in try tensor.wideElements() }
      ?? means.map { _ in 0 }
    guard means.count == variances.count, biases.count == means.count,
      weights.map({ $0.count == means.count }) ?? true
    else { throw FormatError(.invalid("a batch normalization of vectors of different lengths")) }
    var scales: [Double] = []
    for (index, variance) in variances.enumerated() {
      scales.append((weights?[index] ?? 1) / (variance + epsilon).squareRoot())
    }
    (self.scales, self.means, self.biases) = (scales, means, biases)
  }

  /// The weight of the map with the normalization in it.
  /// - Parameters:
  ///   - axis: that of the outputs
  ///   - groups: of a transposed convolution, whose first dimension tells the group
  func folded(weight: Tensor, axis: Int, groups: Int = 1) throws(FormatError) -> Tensor {
    guard axis < weight.shape.count, groups > 0,
      weight.shape[axis].multipliedReportingOverflow(by: groups) == (scales.count, false),
      groups == 1 || weight.shape[0] % groups == 0
    else {
      throw FormatError(.invalid("\(scales.count) means do not suit a weight \(weight)"))
    }
    let wide = try weight.converted(to: .float64)
    let result = try Tensor.allocate(.float64, weight.shape)
    let inner = weight.shape[(axis + 1)...].reduce(1, *)
    withExtendedLifetime(wide) {
      let from = wide.elements(as: Double.self)
      let to = result.storage.pointer.assumingMemoryBound(to: Double.self)
      let outputs = weight.shape[axis]
      let rows = max(1, weight.shape[0] / groups)
      for start in stride(from: 0, to: from.count, by: max(inner, 1)) {
        let output = start / inner
        let group = groups == 1 ? 0 : output / outputs / rows
        let scale = scales[group * outputs + output % outputs]
        for index in start..<start + inner { to[index] = from[index] * scale }
      }
    }
    return try result.converted(to: weight.elementType)
  }

  /// The bias of the map with the normalization in it.
  /// - Parameter bias: `[C]`, or `nil` for 0
  func folded(bias: Tensor?, elementType: ElementType) throws(FormatError) -> Tensor {
    let before =
      try bias.map { (tensor) throws(FormatError) in try tensor.wideElements() }
      ?? means.map { _ in 0 }
    guard before.count == scales.count else {
      throw FormatError(.invalid("\(scales.count) means do not suit \(before.count) biases"))
    }
    let values = scales.indices.map { (before[$0] - means[$0]) * scales[$0] + biases[$0] }
    return try Tensor(shape: [values.count], values).converted(to: elementType)
  }
}
