import ONNXFormat
import ONNXOperators

/// The inputs concatenated along `axis`; all other sizes must be equal.
struct Concat: DifferentiableOperator {
  static let schema = Schema(
    "Concat", [1: .floats, 4: .classic, 11: .classic, 13: .any13], inputs: .atLeast(1))
  static var widening: Widening { .exact }
  static var eightBitForm: EightBitForm { .ownScale }
  static func movedInputs(_ node: Node) -> [Int] { Array(node.inputs.indices) }
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = node.version < 4 ? try node.int("axis", default: 1) : try node.int("axis")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    var types: [TensorType] = []
    for index in 0..<inputs.count { types.append(try inputs.tensor(index, sameTypeAs: 0)) }
    return [.tensor(types[0].elementType, try concatenate(types.map(\.shape), axis: axis))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if call.inputs.count == 1 { return .view(of: 0) }
    let type = try call.elementType(0)
    let target = try call.outputSizes(0)
    let axis = try normalized(axis: axis, rank: target.count)
    let strides = rowMajorStrides(target)
    var jobs: [CopyJob] = []
    var start = 0
    for index in 0..<call.inputs.count {
      let sizes = try call.inputSizes(index)
      let copy = StridedCopy(
        type, sizes, from: rowMajorStrides(sizes), to: strides, toOffset: start &* strides[axis])
      jobs.append(CopyJob(copy, from: .input(index)))
      start += sizes[axis]
    }
    guard type != .string, target[..<axis].allSatisfy({ $0 == 1 }), !target.contains(0) else {
      return CopyTasks(jobs).kernel
    }
    return .join { [jobs] inputs in CopyTasks(inputs.map { jobs[$0] }).body }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    guard backward.inputCount > 1 else { return backward.set(0, gradient) }
    var sizes: [Int] = []
    for input in 0..<backward.inputCount {
      guard let shape = try backward.tensorType(input).shape else { break }
      guard let size = shape[try normalized(axis: axis, rank: shape.rank)].size else { break }
      sizes.append(size)
    }
    let lengths: String
    if sizes.count == backward.inputCount {
      lengths = backward.builder.integers(sizes)
    } else {
      let end: [Attribute] = axis == -1 ? [] : [.int("end", axis + 1)]
      let parts = (0..<backward.inputCount).map {
        backward.builder.node("Shape", [backward.input($0)], [.int("start", axis)] + end)
      }
      lengths = backward.builder.node("Concat", parts, [.int("axis", 0)])
    }
    let parts = backward.builder.nodes(
      "Split", [gradient, lengths], [.int("axis", axis)],
      outputs: (0..<backward.inputCount).map {
        backward.wants($0) ? "\(backward.input($0))_grad" : ""
      })
    for (input, part) in parts.enumerated() where !part.isEmpty { backward.set(input, part) }
  }
}

/// The shape of tensors concatenated along `axis`.
package func concatenate(_ shapes: [Shape?], axis: Int) throws(OperatorError) -> Shape? {
  guard var result = shapes.lazy.compactMap({ $0 }).first else { return nil }
  let axis = try normalized(axis: axis, rank: result.rank)
  var length: Int? = 0
  for (index, shape) in shapes.enumerated() {
    guard let shape else {
      length = nil
      continue
    }
    guard shape.rank == result.rank else {
      throw .input(index, "expected rank \(result.rank), got shape \(shape)")
    }
    for other in result.indices where other != axis {
      do { result[other] = try unify(result[other], shape[other]) } catch {
        throw .input(index, "shape \(shape) does not fit \(result) at axis \(other)")
      }
    }
    guard let sum = length, let size = shape[axis].size else {
      length = nil
      continue
    }
    let (total, overflow) = sum.addingReportingOverflow(size)
    if overflow { throw .input(index, "the sizes at axis \(axis) overflow") }
    length = total
  }
  result[axis] = shapes.count == 1 ? result[axis] : Dimension(length)
  return result
}

extension Concat {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        4,
        up: { change throws(OperatorError) in
          if change.node.attribute("axis") == nil { change.set(.int("axis", 1)) }
        }),
      .negativeAxes(11),
    ]
  }
}

extension Concat {
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    node.inputs.count == 1
  }
}

extension Concat {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let axis = try normalized(axis: axis, rank: site.output.count)
    let isAligned = site.axes.allSatisfy { $0 == site.outputAxis && $0 != axis }
    return isAligned ? .sameStep : .wholeSequence
  }
}
