import ONNXFormat
import ONNXOperators

/// The input with dimensions of size 1 inserted at `axes` of the result.
struct Unsqueeze: AttributeFreeOperator, ReshapingOperator {
  static let schema = Schema(
    "Unsqueeze", [13: .any13, 21: .any21, 23: .any23, 24: .any24, 25: .any25], inputs: 2...2)

  var shapeInputs: [Int] { [1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    if let axes = try inputs.integers(1) {
      return [.tensor(data.elementType, try unsqueeze(data.shape, axes))]
    }
    guard let rank = data.shape?.rank, let axes = try inputs.tensor(1).shape?.sizes,
      let count = axes.elementCount, count <= Shape.largestRank
    else { return [.tensor(data.elementType, nil)] }
    return [.tensor(data.elementType, Shape(rank: rank + count))]
  }
}

/// `Unsqueeze` with the axes as an attribute.
struct Unsqueeze1: ReshapingOperator {
  static let schema = Schema("Unsqueeze", [1: .classic, 11: .classic], inputs: 1...1)
  let axes: [Int]

  init(_ node: inout NodeReader) throws(OperatorError) { axes = try node.ints("axes") }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    return [.tensor(data.elementType, try unsqueeze(data.shape, axes))]
  }
}

private func unsqueeze(_ shape: Shape?, _ axes: [Int]) throws(OperatorError) -> Shape? {
  guard let shape else { return nil }
  guard axes.count <= Shape.largestRank else { throw .invalid("\(axes.count) axes are given") }
  let added = Set(try normalized(axes: axes, rank: shape.rank + axes.count))
  var result = Shape(rank: shape.rank + axes.count)
  var rest = shape.makeIterator()
  for axis in result.indices {
    result[axis] = added.contains(axis) ? 1 : rest.next() ?? 1
  }
  return result
}

extension Unsqueeze {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        11,
        down: { change throws(OperatorError) in
          guard let axes = try change.ints("axes"), axes.contains(where: { $0 < 0 }) else { return }
          let rank = try change.rank(0) + axes.count
          change.set(.ints("axes", try normalized(axes: axes, rank: rank)))
        }),
      .integersBecameInput(13, "axes", input: 1),
    ]
  }
}
