import ONNXFormat
import RealModule

/// `y = a − ⌊a / b⌋ · b`, with the sign of `b`; with `fmod` `a − trunc(a / b) · b`, with that of `a`.
struct Mod: ArithmeticOperator {
  static let schema = Schema(
    "Mod",
    [
      10: [.floats, .integers], 13: [.floats, .bfloat16, .integers],
      28: [.floats, .bfloat16, .integers],
    ], inputs: 2...2)
  let alignment: OperandAlignment
  private var truncates = false

  init(alignment: OperandAlignment) { self.alignment = alignment }

  init(_ node: inout NodeReader) throws(OperatorError) {
    alignment = .numpy
    truncates = try node.flag("fmod")
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try findLoop(call).kernel(rows(call))
      .rejectingZeros(in: 1, call.elementType(0), count: call.inputCount(1))
  }

  func apply<T: Real & BinaryFloatingPoint>(_ a: T, _ b: T) -> T {
    let rest = a.truncatingRemainder(dividingBy: b)
    if truncates { return rest }
    if rest == 0 { return b.sign == .minus ? -T.zero : .zero }
    return (rest < 0) == (b < 0) ? rest : rest + b
  }
  func apply<T: FixedWidthInteger>(integer a: T, _ b: T) -> T {
    let rest = a.remainderReportingOverflow(dividingBy: b).partialValue
    return truncates || rest == 0 || (rest < 0) == (b < 0) ? rest : rest &+ b
  }
  var cost: Int { 10 }
}
