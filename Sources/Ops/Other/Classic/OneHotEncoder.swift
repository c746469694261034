import ONNXFormat
import ONNXOperators
import ONNXShape

/// A row for each element with 1 at the index of its category and 0 elsewhere. Numbers other than int64
/// are truncated to integers.
struct OneHotEncoder: Operator {
  static let schema = Schema(
    "OneHotEncoder", domain: "ai.onnx.ml",
    [1: [.string, .int64, .int32, .float32, .float64]], inputs: 1...1)
  let integers: [Int: Int]
  let strings: [[UInt8]: Int]
  let count: Int
  /// Whether an element outside of all categories is allowed; its row is 0.
  let allowsZeros: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    let integers = try node.optionalInts("cats_int64s") ?? []
    let strings = try node.optionalStrings("cats_strings") ?? []
    guard integers.isEmpty != strings.isEmpty else {
      throw .invalid("expected one of cats_int64s and cats_strings")
    }
    self.integers = Dictionary(zip(integers, integers.indices)) { $1 }
    self.strings = Dictionary(zip(strings.map { Array($0.utf8) }, strings.indices)) { $1 }
    count = max(integers.count, strings.count)
    allowsZeros = try node.int("zeros", default: 1) != 0
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0, strings.isEmpty ? .features : .string)
    return [.tensor(.float32, data.shape.map { Shape(Array($0) + [.size(count)]) })]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .string: try kernel(call, String.self) { strings[Array($0.utf8)] }
    case .int64: try kernel(call, Int64.self) { integers[Int($0)] }
    case .int32: try kernel(call, Int32.self) { integers[Int($0)] }
    case .float32: try kernel(call, Float.self) { place(Double($0)) }
    default: try kernel(call, Double.self) { place($0) }
    }
  }

  private func place(_ number: Double) -> Int? {
    Int(exactly: number.rounded(.towardZero)).flatMap { integers[$0] }
  }

  private func kernel<T>(
    _ call: Preparation, _ type: T.Type, _ place: @escaping @Sendable (T) -> Int?
  ) throws(OperatorError) -> Kernel {
    let elements = try call.inputCount(0)
    return .compute { buffers throws(OperatorError) in
      let (x, y) = (buffers.input(0, as: T.self), buffers.output(0, as: Float.self))
      y.initialize(repeating: 0, count: elements * count)
      for i in 0..<elements {
        if let place = place(x[i]) {
          y[i * count + place] = 1
        } else if !allowsZeros {
          throw .input(0, "element \(i) is not in any category")
        }
      }
    }
  }
}
