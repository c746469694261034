import ONNXFormat
import ONNXOperators

/// The input split along `axis` into parts of the lengths in `split`, or of equal lengths.
struct Split: DifferentiableOperator {
  static let schema = Schema(
    "Split", [13: .any13, 18: .any13], inputs: 1...2, outputs: .atLeast(1))
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let axis: Int
  let outputCount: Int
  /// Since operator set 18 the last part may be shorter.
  let allowsRest: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 0)
    outputCount = node.outputCount
    allowsRest = node.version >= 18
    if node.version >= 18, let count = try node.optionalInt("num_outputs"), count != outputCount {
      throw .attribute("num_outputs", "is \(count), but the node has \(outputCount) outputs")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let lengths = inputs.has(1) ? try inputs.integers(1) : nil
    return try inferSplit(
      inputs.tensor(0), axis: axis, lengths, outputCount, allowsRest: allowsRest,
      lengthsUnknown: inputs.has(1) && lengths == nil)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try splitKernel(call, infer(call.inputs), axis: axis)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try backward.concatenateGradients(axis: axis)
  }
}

/// `Split` with the lengths as an attribute. Operator set 1 also allows an input of the type of the data.
struct Split1: DifferentiableOperator {
  static let schema = Schema(
    "Split", [1: .floats, 2: .classic, 11: .classic], inputs: 1...2, outputs: .atLeast(1))
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let axis: Int
  let lengths: [Int]?
  let outputCount: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 0)
    lengths = try node.optionalInts("split")
    outputCount = node.outputCount
    if node.version >= 2, node.inputCount > 1 { throw .invalid("expected 1 input") }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    var lengths = lengths
    if inputs.has(1) {
      _ = try inputs.tensor(1, sameTypeAs: 0)
      lengths = try inputs.constant(1).map { tensor throws(OperatorError) in
        try tensor.wholeNumbers(input: 1)
      }
    }
    return try inferSplit(
      inputs.tensor(0), axis: axis, lengths, outputCount, allowsRest: false,
      lengthsUnknown: inputs.has(1) && lengths == nil)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try splitKernel(call, infer(call.inputs), axis: axis)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try backward.concatenateGradients(axis: axis)
  }
}

private func inferSplit(
  _ data: TensorType, axis: Int, _ lengths: [Int]?, _ count: Int, allowsRest: Bool,
  lengthsUnknown: Bool
) throws(OperatorError) -> [ValueType] {
  if let lengths {
    guard lengths.count == count else {
      throw .invalid("\(lengths.count) lengths are given for \(count) outputs")
    }
    guard lengths.allSatisfy({ $0 >= 0 }) else { throw .invalid("negative length in \(lengths)") }
  }
  guard var shape = data.shape else {
    return Array(repeating: .tensor(data.elementType, nil), count: count)
  }
  let axis = try normalized(axis: axis, rank: shape.rank)
  var pieces = lengths
  if let size = shape[axis].size {
    if let lengths {
      let sum = lengths.reduce((0, false)) { sum, length in
        let (total, overflow) = sum.0.addingReportingOverflow(length)
        return (total, sum.1 || overflow)
      }
      guard sum == (size, false) else {
        throw .invalid("the sum of the lengths \(lengths) is not \(size)")
      }
    } else if !lengthsUnknown {
      pieces = try equalPieces(of: size, count, allowsRest: allowsRest)
    }
  } else if count == 1, !lengthsUnknown, lengths == nil {
    return [.tensor(data)]
  }
  return (0..<count).map { index in
    shape[axis] = Dimension(pieces?[index])
    return .tensor(data.elementType, shape)
  }
}

func equalPieces(
  of size: Int, _ count: Int, allowsRest: Bool
) throws(OperatorError) -> [Int] {
  let length = size / count + (size % count == 0 ? 0 : 1)
  let (all, overflow) = length.multipliedReportingOverflow(by: count - 1)
  let last = size - all
  guard !overflow, last >= 0, allowsRest || last == length else {
    throw .invalid("size \(size) cannot be split into \(count) equal parts")
  }
  return Array(repeating: length, count: count - 1) + [last]
}

private func splitKernel(
  _ call: Preparation, _ outputs: [ValueType], axis: Int
) throws(OperatorError) -> Kernel {
  let source = try call.inputSizes(0)
  let type = try call.elementType(0)
  let axis = try normalized(axis: axis, rank: source.count)
  let strides = rowMajorStrides(source)
  var jobs: [CopyJob] = []
  var offsets: [Int] = []
  var start = 0
  for (index, output) in outputs.enumerated() {
    guard let length = output.tensorType?.shape?[axis].size else {
      throw .output(index, "the size is not known")
    }
    if call.wants(index) {
      var sizes = source
      sizes[axis] = length
      let copy = StridedCopy(
        type, sizes, from: strides, fromOffset: start &* strides[axis], to: rowMajorStrides(sizes))
      jobs.append(CopyJob(copy, to: index))
    }
    offsets.append(start &* strides[axis] &* type.stride)
    start += length
  }
  let tasks = CopyTasks(jobs)
  guard type != .string, source[..<axis].allSatisfy({ $0 == 1 }), !source.contains(0) else {
    return tasks.kernel
  }
  return .parts(of: 0, offsets: offsets, otherwise: tasks.body)
}

extension Backward {
  /// Sets the gradient of the input: the concatenated gradients of the parts, zeros for parts without one.
  fileprivate mutating func concatenateGradients(axis: Int) throws(OperatorError) {
    guard wants(0) else { return }
    var parts: [String] = []
    for index in 0..<outputCount {
      if let gradient = gradient(index) {
        parts.append(gradient)
      } else {
        let piece = output(index)
        parts.append(builder.zeros(like: piece, try elementType(0)))
      }
    }
    set(
      0, parts.count == 1 ? parts[0] : builder.node("Concat", parts, [.int("axis", axis)]))
  }
}

extension Split {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        2,
        up: { change throws(OperatorError) in
          guard change.has(1) else { return }
          guard let lengths = change.constant(1) else {
            throw .input(1, "must be a constant, because that version takes an attribute")
          }
          change.set(.ints("split", try lengths.wholeNumbers(input: 1)))
          change.setInput(1, "")
        }),
      .negativeAxes(11), .integersBecameInput(13, "split", input: 1),
      VersionStep(
        18,
        up: { change throws(OperatorError) in
          if !change.has(1) { change.set(.int("num_outputs", change.node.outputs.count)) }
        },
        down: { change throws(OperatorError) in
          change.drop("num_outputs")
          guard !change.has(1) else { return }
          let axis = try change.fromFront(try change.int("axis") ?? 0)
          guard let shape = change.tensorType(0)?.shape, axis < shape.rank,
            let size = shape[axis].size
          else { throw .input(0, "the size along the axis must be known") }
          let count = change.node.outputs.count
          guard count > 0, size % count != 0 else { return }
          let pieces = try equalPieces(of: size, count, allowsRest: true)
          change.setInput(1, change.integers(pieces, "split"))
        }),
    ]
  }
}

extension Split {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let axis = try normalized(axis: axis, rank: site.sizes().count)
    return site.along(axis..<axis + 1)
  }
}

extension Split1 {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let axis = try normalized(axis: axis, rank: site.sizes().count)
    return site.along(axis..<axis + 1)
  }
}
