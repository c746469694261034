import ONNXFormat
import ONNXOperators

/// A tensor of the shape that the input holds, filled with the single element of `value`.
struct ConstantOfShape: Operator {
  static let schema = Schema(
    "ConstantOfShape",
    [9: .int64, 20: .int64, 21: .int64, 23: .int64, 24: .int64, 25: .int64], inputs: 1...1)
  let value: Tensor

  init(_ node: inout NodeReader) throws(OperatorError) {
    value = try node.optionalTensor("value") ?? Tensor(shape: [1], [0] as [Float])
    guard value.count == 1 else {
      throw .attribute("value", "expected one element, got \(value.type)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard let sizes = try inputs.integers(0) else {
      let rank = try inputs.tensor(0).shape?.sizes?.elementCount
      return [.tensor(value.elementType, try Shape(unknownOfRank: rank))]
    }
    guard sizes.elementCount != nil else { throw .input(0, "no tensor has shape \(sizes)") }
    return [.tensor(value.elementType, sizes)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.outputSizes(0)
    return CopyTasks([.fill(value, sizes, to: rowMajorStrides(sizes))]).kernel
  }
}

extension CopyJob {
  /// Fills a part of an output with the single element of a tensor.
  static func fill(
    _ value: Tensor, _ sizes: [Int], to strides: [Int], at offset: Int = 0, output: Int = 0
  ) -> CopyJob {
    let nowhere = Array(repeating: 0, count: sizes.count)
    return CopyJob(
      StridedCopy(value.elementType, sizes, from: nowhere, to: strides, toOffset: offset),
      from: .tensor(value), to: output)
  }
}

extension ConstantOfShape {
  static var versionSteps: [VersionStep] {
    [
      .introduced(9) { change throws(OperatorError) in
        var value = Tensor(Float(0))
        if case .tensor(let named)? = try change.attribute("value") { value = named.tensor }
        // A scalar broadcasts to any shape.
        let number = change.constant(value, "value")
        let scalar = change.reshape(number, [])
        change.become("Expand", [scalar, try change.input(0)])
      }
    ]
  }
}
