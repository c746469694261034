import ONNXFormat
import ONNXOperators
import ONNXShape

/// Maps strings to integers, or integers to strings, by two lists of the same length.
struct CategoryMapper: Operator {
  static let schema = Schema(
    "CategoryMapper", domain: "ai.onnx.ml", [1: [.string, .int64]], inputs: 1...1)
  let integers: [[UInt8]: Int64]
  let strings: [Int64: String]
  let fallbackInteger: Int64
  let fallbackString: String

  init(_ node: inout NodeReader) throws(OperatorError) {
    let integers = (try node.optionalInts("cats_int64s") ?? []).map { Int64($0) }
    let strings = try node.optionalStrings("cats_strings") ?? []
    guard integers.count == strings.count else {
      throw .invalid("\(integers.count) integers are given for \(strings.count) strings")
    }
    self.integers = Dictionary(zip(strings.map { Array($0.utf8) }, integers)) { $1 }
    self.strings = Dictionary(zip(integers, strings)) { $1 }
    fallbackInteger = Int64(try node.int("default_int64", default: -1))
    fallbackString = try node.string("default_string", default: "_Unused")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0, [.string, .int64])
    return [.tensor(data.elementType == .string ? .int64 : .string, data.shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let count = try call.inputCount(0)
    if try call.elementType(0) == .string {
      return .compute { buffers in
        let (x, y) = (buffers.input(0, as: String.self), buffers.output(0, as: Int64.self))
        for i in 0..<count { y[i] = integers[Array(x[i].utf8)] ?? fallbackInteger }
      }
    }
    return .compute { buffers in
      let (x, y) = (buffers.input(0, as: Int64.self), buffers.output(0, as: String.self))
      for i in 0..<count { y[i] = strings[x[i]] ?? fallbackString }
    }
  }
}
