import ONNXFormat

/// The input sampled at `floor(size · scale)` places along each axis, from version 9 on with the
/// scales as an input.
struct Upsample: ScalingOperator {
  static let schema = Schema(
    "Upsample", [7: .classic, 9: .classic], removed: 10, inputs: 1...2)
  let mode: Resampling.Mode
  let scales: [Float]?
  var rounding: Resampling.Rounding { .floor }

  init(_ node: inout NodeReader) throws(OperatorError) {
    mode = try node.scalingMode("linear")
    scales = node.version < 9 ? try node.optionalFloats("scales") : nil
    if node.version < 9 && scales == nil { throw .attribute("scales", "is missing") }
  }
}

/// `Upsample` of height and width of images.
struct Upsample1: ScalingOperator {
  static let schema = Schema(
    "Upsample", [1: [.floats, .bool, .int32, .int64]], inputs: 1...1)
  let mode: Resampling.Mode
  let scales: [Float]?
  var rounding: Resampling.Rounding { .floor }

  init(_ node: inout NodeReader) throws(OperatorError) {
    mode = try node.scalingMode("bilinear")
    scales = [1, 1, try node.float("height_scale"), try node.float("width_scale")]
  }
}

/// `Resize` of version 10: by scales only, and downwards too.
struct Resize10: ScalingOperator {
  static let schema = Schema("Resize", [10: .classic], inputs: 2...2)
  let mode: Resampling.Mode
  var scales: [Float]? { nil }
  var rounding: Resampling.Rounding { .outward }

  init(_ node: inout NodeReader) throws(OperatorError) {
    mode = try node.scalingMode("linear")
  }
}

extension NodeReader {
  /// Attribute `mode`: `nearest`, or linear under the name that the version has for it.
  fileprivate mutating func scalingMode(_ linear: String) throws(OperatorError) -> Resampling.Mode {
    try choice("mode", default: "nearest", among: ["nearest", linear]) == linear
      ? .linear : .nearest
  }
}

/// An operator that scales every axis: attribute, or input 1.
protocol ScalingOperator: Operator {
  var mode: Resampling.Mode { get }
  var scales: [Float]? { get }
  var rounding: Resampling.Rounding { get }
}

extension ScalingOperator {
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    if scales == nil { _ = try inputs.tensor(1, .float32) }
    guard let shape = input.shape else { return [.tensor(input.elementType, nil)] }
    guard let sizes = shape.sizes, let axes = try axes(inputs, sizes) else {
      return [.tensor(input.elementType, Shape(rank: shape.rank))]
    }
    return [.tensor(input.elementType, axes.map(\.output))]
  }

  private func axes(
    _ inputs: Inputs, _ sizes: [Int]
  ) throws(OperatorError) -> [Resampling.Axis]? {
    guard let scales = scales ?? inputs.constant(1).map({ Array($0.elements(as: Float.self)) })
    else { return nil }
    guard scales.count == sizes.count else {
      throw .invalid("expected \(sizes.count) scales, got \(scales.count)")
    }
    var axes = sizes.map { Resampling.Axis(input: $0, output: $0, scale: 1) }
    for index in axes.indices {
      try axes[index].apply(scale: Double(scales[index]), input: 1)
    }
    return axes
  }

  func resampling(
    _ inputs: Inputs, _ sizes: [Int]
  ) throws(OperatorError) -> (rule: Resampling, axes: [Resampling.Axis])? {
    try axes(inputs, sizes).map { (Resampling(mode: mode, rounding: rounding), $0) }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard let (rule, axes) = try resampling(call.inputs, try call.inputSizes(0)) else {
      throw .input(1, "the scales are not known")
    }
    return try rule.kernel(call, axes)
  }
}
