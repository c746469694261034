import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Resamples the input to `floor(size · scale)` along each axis. Scales are an input from version 9
/// on.
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

/// `Upsample` of the height and width of images.
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

/// `Resize` of version 10, which only takes scales, including scales below 1.
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
  /// Reads attribute `mode`: `nearest`, or the name of linear interpolation in this version.
  fileprivate mutating func scalingMode(_ linear: String) throws(OperatorError) -> Resampling.Mode {
    try choice("mode", default: "nearest", among: ["nearest", linear]) == linear
      ? .linear : .nearest
  }
}

/// An operator that scales every axis by an attribute or input 1.
protocol ScalingOperator: Operator {
  var mode: Resampling.Mode { get }
  var scales: [Float]? { get }
  var rounding: Resampling.Rounding { get }
}

extension ScalingOperator {
  var shapeInputs: [Int] { scales == nil ? [1] : [] }

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
      throw .input(1, "scales must be constant")
    }
    return try rule.kernel(call, axes)
  }
}

extension Upsample {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        7,
        up: { change throws(OperatorError) in
          guard let height = try change.float("height_scale"),
            let width = try change.float("width_scale")
          else { throw .attribute("height_scale", "expected both height_scale and width_scale") }
          change.drop("height_scale", "width_scale")
          change.set(.floats("scales", [1, 1, height, width]))
          if try change.string("mode") == "bilinear" { change.set(.string("mode", "linear")) }
        },
        down: { change throws(OperatorError) in
          guard let scales = try change.floats("scales"), scales.count == 4,
            scales[0] == 1, scales[1] == 1
          else { throw .attribute("scales", "the target version only scales height and width") }
          change.drop("scales")
          change.set(.float("height_scale", scales[2]))
          change.set(.float("width_scale", scales[3]))
          if try change.string("mode") == "linear" { change.set(.string("mode", "bilinear")) }
        }),
      VersionStep(
        9,
        up: { change throws(OperatorError) in
          guard let scales = try change.floats("scales") else {
            throw .attribute("scales", "is missing")
          }
          change.setInput(1, change.constant(Tensor(shape: [scales.count], scales), "scales"))
          change.drop("scales")
        },
        down: { change throws(OperatorError) in
          change.set(.floats("scales", try change.floats(1)))
          change.setInput(1, "")
        }),
      .replaced(10, by: "Resize"),
    ]
  }
}

extension Resize10 {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        10,
        down: { change throws(OperatorError) in
          guard try change.floats(1).allSatisfy({ $0 >= 1 }) else {
            throw .input(1, "the target version does not support scales below 1")
          }
          change.node.operatorType = "Upsample"
        })
    ]
  }
}

extension ScalingOperator {
  static func exactInputs(_ node: Node) -> [Int] { [1] }
}
