import CKernels
import ONNXFormat
import RealModule

/// `y = x` where `x ≥ 0`, `slope · x` elsewhere; the slope broadcasts to `x`.
///
/// Before operator set 7 the slope has one element, or one for each channel (dimension 1).
struct PRelu: ArithmeticOperator {
  static let schema = Schema(
    "PRelu",
    [
      1: .floats, 6: .floats, 7: .floats, 9: [.floats, .wideIntegers],
      16: [.floats, .bfloat16, .wideIntegers],
    ], inputs: 2...2)
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

  /// A slope for each channel, as NumPy's rule wants it.
  private func aligned(_ slope: Shape?, to x: Shape?) -> Shape? {
    guard hasChannelSlopes, let slope, let x, slope.rank == 1, slope[0].size != 1, x.rank > 1
    else { return slope }
    return Shape([slope[0]] + Array(repeating: 1, count: x.rank - 2))
  }

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T { a < 0 ? a * b : a }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T { a < 0 ? a &* b : a }
  var vectorised: BinaryLoop<Float, Float, Float>? { ck_prelu }
}
