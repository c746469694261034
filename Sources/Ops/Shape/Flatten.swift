import ONNXFormat
import ONNXOperators

/// The input as a matrix: the product of the sizes before `axis` by the product of those from it on.
struct Flatten: ReshapingOperator {
  static let schema = Schema(
    "Flatten",
    [
      1: .floats, 9: .classic, 11: .classic, 13: .any13, 21: .any21, 23: .any23, 24: .any24,
      25: .any25,
    ], inputs: 1...1)
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 1)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.elementType, Shape(rank: 2))] }
    guard axis >= -shape.rank, axis <= shape.rank else {
      throw .attribute("axis", "\(axis) is out of range for rank \(shape.rank)")
    }
    let split = axis < 0 ? axis + shape.rank : axis
    let rows = try product(shape[..<split])
    let columns = try product(shape[split...])
    return [.tensor(data.elementType, [rows, columns])]
  }
}

extension Flatten {
  static var versionSteps: [VersionStep] {
    [
      .negativeAxes(11)
    ]
  }
}

extension Flatten {
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    haveEqualSizes(input, output)
  }
}
