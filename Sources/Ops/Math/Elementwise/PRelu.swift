import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x` where `x ≥ 0`, `slope · x` elsewhere. The slope broadcasts to `x`.
///
/// Before operator set 7 the slope has one element, or one for each channel (dimension 1).
struct PRelu: ArithmeticOperator, DifferentiableOperator {
  static let schema = Schema(
    "PRelu",
    [
      1: .floats, 6: .floats, 7: .floats, 9: [.floats, .wideIntegers],
      16: [.floats, .bfloat16, .wideIntegers],
    ], inputs: 2...2)
  static var parameters: [ParameterInput] { [.init(1, .weight)] }
  let alignment: OperandAlignment
  private var hasChannelSlopes = false

  init(alignment: OperandAlignment) { self.alignment = alignment }

  init(_ node: inout NodeReader) throws(OperatorError) {
    alignment = .numpy
    hasChannelSlopes = node.version < 7
    try node.skipConsumedInputs()
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0)
    let slope = try inputs.tensor(1, sameTypeAs: 0).shape
    try Broadcast.require(aligned(slope, to: x.shape), fits: x.shape, input: 1)
    return [.tensor(x)]
  }

  func rows(_ call: Preparation) throws(OperatorError) -> BroadcastRows {
    let sizes = try call.inputSizes(0)
    let slope = aligned(Shape(try call.inputSizes(1)), to: Shape(sizes))?.sizes ?? []
    return BroadcastRows(sizes, [sizes, slope])
  }

  /// The slope's shape, with per-channel slopes aligned for NumPy's broadcasting rule.
  private func aligned(_ slope: Shape?, to x: Shape?) -> Shape? {
    guard hasChannelSlopes, let slope, let x, slope.rank == 1, slope[0].size != 1, x.rank > 1
    else { return slope }
    return Shape([slope[0]] + Array(repeating: 1, count: x.rank - 2))
  }

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a < 0 ? a * b : a }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a < 0 ? a &* b : a }
  var vectorised: BinaryRowsLoop? { ck_prelu_rows }

  /// `∂y/∂x` is 1 where x > 0, else the slope; `∂y/∂slope = min(x, 0)`.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let x = backward.input(0)
    let zero = try backward.scalar(0)
    var slope = backward.input(1)
    var axes: [Int] = []
    if hasChannelSlopes, try backward.rank(1) == 1, try backward.shape(1)[0].size != 1 {
      axes = Array(1..<max(try backward.rank(0) - 1, 1))
    }
    if !axes.isEmpty {
      slope = backward.builder.node("Unsqueeze", [slope, backward.builder.integers(axes)])
    }
    if backward.wants(0) {
      let isPositive = backward.builder.node("Greater", [x, zero])
      let product = backward.builder.mul(gradient, slope)
      backward.set(0, backward.builder.node("Where", [isPositive, gradient, product]))
    }
    guard backward.wants(1) else { return }
    let product = backward.builder.mul(gradient, backward.builder.node("Min", [x, zero]))
    let sum = backward.builder.privateNode("SumTo", [product, slope])
    backward.set(
      1, backward.builder.reshape(sum, to: backward.builder.shape(of: backward.input(1))))
  }
}

extension PRelu {
  static var versionSteps: [VersionStep] {
    [
      // Before operator set 7 there is one slope for each channel.
      VersionStep(
        7,
        up: { change throws(OperatorError) in
          guard let slope = change.tensorType(1)?.shape else {
            throw .input(1, "the slope's shape is not known before the run")
          }
          guard slope.rank == 1, slope[0] != 1 else { return }
          let rank = try change.rank(0)
          guard rank > 2 else { return }
          change.setInput(1, change.unsqueeze(try change.input(1), Array(1..<rank - 1)))
        },
        down: { change throws(OperatorError) in
          guard let slope = change.tensorType(1)?.shape else {
            throw .input(1, "the slope's shape is not known before the run")
          }
          let rank = try change.rank(0)
          let others = slope.indices.filter { slope[$0] == 1 }
          let channel = slope.rank - rank + 1
          guard
            others.count == slope.rank
              || others.count == slope.rank - 1 && channel >= 0
                && !others.contains(channel)
          else {
            throw .input(
              1, "expected one slope for each channel before operator set 7, got shape \(slope)")
          }
          let axes = others.count == slope.rank ? Array(others.dropFirst()) : others
          if !axes.isEmpty { change.setInput(1, change.squeeze(try change.input(1), axes)) }
        })
    ]
  }
}
