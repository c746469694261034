import ONNXFormat
import ONNXOperators
import ONNXShape

/// Whether each whole string matches a pattern in the syntax of RE2 (see `RegexProgram`).
struct RegexFullMatch: Operator {
  static let schema = Schema("RegexFullMatch", [20: .string], inputs: 1...1)
  let program: RegexProgram

  init(_ node: inout NodeReader) throws(OperatorError) {
    let pattern = try node.string("pattern")
    do { program = try RegexProgram(pattern) } catch {
      throw .attribute("pattern", "'\(pattern)': \(error.reason)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(.bool, try inputs.tensor(0, .string).shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    let program = program
    return .compute { buffers in
      let x = buffers.input(0, as: String.self)
      let y = buffers.output(0, as: Bool.self)
      for i in 0..<count { y[i] = program.matches(x[i]) }
    }
  }
}
