import ONNX
import ONNXOperators

/// Folding of an affine map of the output channels into the linear map before it.
extension ChannelMap {
  /// The weight of the linear map followed by this one, computed in float64.
  /// - Parameters:
  ///   - axis: the axis of the weight that counts the outputs
  ///   - groups: the groups of a transposed convolution, which its first axis counts
  /// - Returns: a tensor of the weight's element type
  /// - Throws: `FormatError` where the sizes do not match, or memory runs out
  func folded(weight: Tensor, axis: Int, groups: Int = 1) throws(FormatError) -> Tensor {
    guard axis < weight.shape.count, groups > 0,
      weight.shape[axis].multipliedReportingOverflow(by: groups) == (factors.count, false),
      groups == 1 || weight.shape[0] % groups == 0
    else {
      throw FormatError(.invalid("a weight \(weight.type) does not have \(factors.count) channels"))
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
        let factor = factors[group * outputs + output % outputs]
        for index in start..<start + inner { to[index] = from[index] * factor }
      }
    }
    return try result.converted(to: weight.elementType)
  }

  /// The bias of the linear map followed by this one, computed in float64.
  /// - Parameter bias: `[C]`, or `nil` for 0
  /// - Returns: `[C]` of the given element type
  /// - Throws: `FormatError` where the sizes do not match, or memory runs out
  func folded(bias: Tensor?, elementType: ElementType) throws(FormatError) -> Tensor {
    let before =
      try bias.map { (tensor) throws(FormatError) in try tensor.wideElements() }
      ?? factors.map { _ in 0 }
    guard before.count == factors.count else {
      throw FormatError(
        .invalid("expected a bias of \(factors.count) channels, got \(before.count)"))
    }
    return try Tensor(shape: [before.count], self(before)).converted(to: elementType)
  }

  /// The batch normalization of a PyTorch module:
  /// `y = (x − mean) / √(variance + ε) · weight + bias`.
  /// - Parameters:
  ///   - weight: `[C]`, or `nil` for 1
  ///   - bias: `[C]`, or `nil` for 0
  /// - Throws: `FormatError` where the sizes do not match
  init(
    weight: Tensor?, bias: Tensor?, mean: Tensor, variance: Tensor, epsilon: Double
  ) throws(FormatError) {
    let scale = try weight.map { (tensor) throws(FormatError) in try tensor.wideElements() }
    let offsets = try bias.map { (tensor) throws(FormatError) in try tensor.wideElements() }
    guard
      let map = ChannelMap(
        normalizingBy: try mean.wideElements(), variance: try variance.wideElements(),
        scale: scale, bias: offsets, epsilon: epsilon)
    else { throw FormatError(.invalid("a batch normalization with vectors of unequal lengths")) }
    self = map
  }
}
