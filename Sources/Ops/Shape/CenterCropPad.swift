import ONNXFormat
import ONNXOperators

/// The input cropped to its center along axes where `shape` is smaller, and padded with zeros on both
/// sides where it is larger.
struct CenterCropPad: DifferentiableOperator {
  static let schema = Schema("CenterCropPad", [18: .any13], inputs: 2...2)
  let axes: [Int]?

  init(_ node: inout NodeReader) throws(OperatorError) { axes = try node.optionalInts("axes") }

  var shapeInputs: [Int] { [1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let target = try inputs.integers(1)
    guard var shape = data.shape else { return [.tensor(data.elementType, nil)] }
    let axes = try normalized(axes: axes ?? Array(0..<shape.rank), rank: shape.rank)
    if let target {
      guard target.count == axes.count, target.allSatisfy({ $0 >= 0 }) else {
        throw .input(1, "expected \(axes.count) sizes, got \(target)")
      }
    }
    for (index, axis) in axes.enumerated() { shape[axis] = Dimension(target?[index]) }
    return [.tensor(data.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    var before: [Int] = []
    var after: [Int] = []
    for (size, wanted) in zip(try call.inputSizes(0), try call.outputSizes(0)) {
      // An odd number of elements to add or remove has one more at the end.
      before.append((wanted - size) / 2)
      after.append(wanted - size - (wanted - size) / 2)
    }
    let padding = try Padding(before + after, axes: nil, rank: before.count, .constant)
    return try padding.kernel(call, fill: .zero)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    var shape = backward.builder.shape(of: backward.input(0))
    if let axes {
      let rank = try backward.rank(0)
      let places = backward.builder.integers(try normalized(axes: axes, rank: rank))
      shape = backward.builder.node("Gather", [shape, places])
    }
    backward.set(
      0,
      backward.builder.node("CenterCropPad", [gradient, shape], backward.forward.attributes))
  }
}

extension CenterCropPad {
  static var versionSteps: [VersionStep] {
    [
      .introduced(18) { change throws(OperatorError) in
        guard let sizes = change.sizes(0) else {
          throw .input(0, "the shape must be known")
        }
        let targets = try change.integers(1)
        let axes = try normalized(
          axes: try change.ints("axes") ?? Array(sizes.indices), rank: sizes.count)
        guard targets.count == axes.count, targets.allSatisfy({ $0 >= 0 }) else {
          throw .input(1, "expected \(axes.count) sizes, got \(targets)")
        }
        var x = try change.input(0)
        var pads = [Int](repeating: 0, count: 2 * sizes.count)
        for (axis, target) in zip(axes, targets) {
          let added = target - sizes[axis]
          let front = abs(added) / 2
          if added < 0 {
            x = change.slice(x, axis: axis, from: front, to: front + target)
          } else {
            pads[axis] = front
            pads[sizes.count + axis] = added - front
          }
        }
        change.become("Pad", [x, change.integers(pads, "pads")])
      }
    ]
  }
}
