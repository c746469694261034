import ONNXFormat
import ONNXOperators
import RealModule

/// `y = a − ⌊a / b⌋ · b`, with the sign of `b`; with `fmod`, `a − trunc(a / b) · b`, with the sign
/// of `a`.
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

extension Mod {
  static var versionSteps: [VersionStep] {
    [
      .introduced(10) { change throws(OperatorError) in
        let type = try change.elementType(0)
        guard TypeSet.integers.contains(type) else {
          throw .unsupported("the remainder of \(type) needs operator set 10")
        }
        let isSigned = TypeSet.signedIntegers.contains(type)
        // Division takes integers of 32 and 64 bits only.
        let wide = type.stride >= 4 ? type : isSigned ? .int32 : .uint32
        var operands = [try change.input(0), try change.input(1)]
        if wide != type {
          for index in 0...1 {
            operands[index] = change.emit("Cast", [operands[index]], [change.castTarget(wide)])
          }
        }
        let quotient = change.emit("Div", operands)
        var rest = change.emit(
          "Sub", [operands[0], change.emit("Mul", [quotient, operands[1]])])
        let truncates = try change.int("fmod") == 1
        if isSigned, !truncates {
          let differs = change.emit(
            "Xor", [try change.isNegative(rest), try change.isNegative(operands[1])])
          let isZero = change.emit("Equal", [rest, try change.scalar(0, wide, "zero")])
          let isOff = change.emit("And", [differs, change.emit("Not", [isZero])])
          let ones = change.emit("Cast", [isOff], [change.castTarget(wide)])
          rest = change.emit("Add", [rest, change.emit("Mul", [ones, operands[1]])])
        }
        if wide == type { return change.become("Identity", [rest]) }
        change.become("Cast", [rest], [change.castTarget(type)])
      }
    ]
  }
}
