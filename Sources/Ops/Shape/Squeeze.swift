import ONNXFormat
import ONNXOperators

/// The input without the dimensions of size 1 at `axes`, or without all of them if there are no axes.
struct Squeeze: AttributeFreeOperator, ReshapingOperator {
  static let schema = Schema(
    "Squeeze", [13: .any13, 21: .any21, 23: .any23, 24: .any24, 25: .any25], inputs: 1...2)

  var shapeInputs: [Int] { [1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard inputs.has(1) else {
      return [.tensor(data.elementType, try squeeze(data.shape, nil))]
    }
    if let axes = try inputs.integers(1) {
      return [.tensor(data.elementType, try squeeze(data.shape, axes))]
    }
    return [.tensor(data.elementType, nil)]
  }
}

/// `Squeeze` with the axes as an attribute.
struct Squeeze1: ReshapingOperator {
  static let schema = Schema("Squeeze", [1: .classic, 11: .classic], inputs: 1...1)
  let axes: [Int]?

  init(_ node: inout NodeReader) throws(OperatorError) { axes = try node.optionalInts("axes") }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    return [.tensor(data.elementType, try squeeze(data.shape, axes))]
  }
}

private func squeeze(_ shape: Shape?, _ axes: [Int]?) throws(OperatorError) -> Shape? {
  guard let shape else { return nil }
  guard let axes, !axes.isEmpty else {
    if shape.contains(where: { $0.size == nil }) { return nil }
    return Shape(shape.filter { $0 != 1 })
  }
  let dropped = Set(try normalized(axes: axes, rank: shape.rank))
  for axis in dropped {
    if let size = shape[axis].size, size != 1 {
      throw .invalid("expected size 1 at axis \(axis) of \(shape), got \(size)")
    }
  }
  return Shape(shape.indices.filter { !dropped.contains($0) }.map { shape[$0] })
}

extension Squeeze {
  static var versionSteps: [VersionStep] {
    [
      .negativeAxes(11, "axes"), .integersBecameInput(13, "axes", input: 1),
    ]
  }
}
