import ONNXFormat
import ONNXOperators

/// The input repeated `repeats[k]` times along each axis `k`.
struct Tile: AttributeFreeOperator, DifferentiableOperator {
  static let schema = Schema("Tile", [6: .classic, 13: .any13], inputs: 2...2)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  var shapeInputs: [Int] { [1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else {
      let rank = try inputs.shape(1, rank: 1)?[0].size
      return [.tensor(data.elementType, try Shape(unknownOfRank: rank))]
    }
    guard let repeats = try inputs.vector(1) else {
      return [.tensor(data.elementType, Shape(rank: shape.rank))]
    }
    guard repeats.count == shape.rank else {
      throw .input(1, "expected \(shape.rank) repeats, got \(repeats)")
    }
    return [.tensor(data.elementType, try tile(shape, repeats))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel { try tileKernel(call) }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard backward.wants(0) else { return }
    try backward.sumRepeats(backward.input(1))
  }
}

/// `Tile` along one axis. The number of repetitions and the axis are tensors with one number of any type.
struct Tile1: AttributeFreeOperator, DifferentiableOperator {
  static let schema = Schema("Tile", [1: .floats], inputs: 3...3)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  var shapeInputs: [Int] { [1, 2] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    guard let tiles = try number(inputs, 1), let axis = try number(inputs, 2) else {
      return [.tensor(data.elementType, Shape(rank: shape.rank))]
    }
    var repeats = Array(repeating: 1, count: shape.rank)
    repeats[try normalized(axis: axis, rank: shape.rank)] = tiles
    return [.tensor(data.elementType, try tile(shape, repeats))]
  }

  private func number(_ inputs: Inputs, _ index: Int) throws(OperatorError) -> Int? {
    guard let tensor = inputs.constant(index) else { return nil }
    guard tensor.count == 1, let number = try tensor.wholeNumbers(input: index).first else {
      throw .input(index, "expected one number, got \(tensor.type)")
    }
    return number
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel { try tileKernel(call) }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard backward.wants(0) else { return }
    let numbers = Inputs(
      types: [], constants: (0...2).map { backward.constant($0).map(Value.tensor) })
    guard let tiles = try number(numbers, 1), let axis = try number(numbers, 2) else {
      throw .unsupported("the gradient of Tile by repeats that are not known before the run")
    }
    let rank = try backward.rank(0)
    var repeats = Array(repeating: 1, count: rank)
    repeats[try normalized(axis: axis, rank: rank)] = tiles
    try backward.sumRepeats(backward.builder.integers(repeats))
  }
}

private func tile(_ shape: Shape, _ repeats: [Int]) throws(OperatorError) -> Shape {
  var result = shape
  for (axis, count) in repeats.enumerated() where count != 1 {
    guard count >= 0 else { throw .input(1, "negative repeats in \(repeats)") }
    guard let size = shape[axis].size else {
      result[axis] = count == 0 ? 0 : .unknown
      continue
    }
    let (product, overflow) = size.multipliedReportingOverflow(by: count)
    if overflow { throw .input(1, "the sizes overflow when \(shape) is repeated \(repeats) times") }
    result[axis] = .size(product)
  }
  return result
}

private func tileKernel(_ call: Preparation) throws(OperatorError) -> Kernel {
  let sizes = try call.inputSizes(0)
  let target = try call.outputSizes(0)
  if sizes == target { return .view(of: 0) }
  let strides = rowMajorStrides(sizes)
  let targetStrides = rowMajorStrides(target)
  // Each axis is split into the repetition and the index in it.
  var split: [Int] = []
  var from: [Int] = []
  var to: [Int] = []
  for (axis, size) in sizes.enumerated() {
    split += [size == 0 ? 0 : target[axis] / size, size]
    from += [0, strides[axis]]
    to += [size &* targetStrides[axis], targetStrides[axis]]
  }
  return CopyTasks([CopyJob(StridedCopy(try call.elementType(0), split, from: from, to: to))])
    .kernel
}

extension Backward {
  /// Sets the gradient of the input: the sum over the repetitions, whose numbers an int64 tensor holds.
  fileprivate mutating func sumRepeats(_ repeats: String) throws(OperatorError) {
    guard let gradient = gradient() else { return }
    let rank = try rank(0)
    if rank == 0 { return set(0, gradient) }
    // Each axis is split into the repetition and the index in it.
    let pairs = [repeats, builder.shape(of: input(0))].map {
      builder.node("Unsqueeze", [$0, builder.integers([1])])
    }
    let sizes = builder.node("Concat", pairs, [.int("axis", 1)])
    let flat = builder.node("Reshape", [sizes, builder.integers([2 * rank])])
    let axes = (0..<rank).map { 2 * $0 }
    set(
      0, builder.reduceSum(builder.reshape(gradient, to: flat), axes: axes, keepAxes: false))
  }
}

extension Tile {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        6,
        up: { change throws(OperatorError) in
          guard let tiles = change.constant(1), let axis = change.constant(2),
            let count = try tiles.wholeNumbers(input: 1).first,
            let place = try axis.wholeNumbers(input: 2).first
          else { throw .input(1, "must be a constant, and so must the axis") }
          var repeats = Array(repeating: 1, count: try change.rank(0))
          repeats[try normalized(axis: place, rank: repeats.count)] = count
          change.node.inputs = [try change.input(0), change.integers(repeats, "repeats")]
        },
        down: { change throws(OperatorError) in
          let repeats = try change.integers(1)
          let axes = repeats.indices.filter { repeats[$0] != 1 }
          let type = try change.elementType(0)
          for axis in axes.dropLast() {
            let numbers = [
              try change.scalar(Double(repeats[axis]), type, "tiles"),
              try change.scalar(Double(axis), type, "axis"),
            ]
            change.precede(0, "Tile", numbers)
          }
          let last = axes.last ?? 0
          change.node.inputs = [
            try change.input(0),
            try change.scalar(Double(repeats.isEmpty ? 1 : repeats[last]), type, "tiles"),
            try change.scalar(Double(last), type, "axis"),
          ]
        })
    ]
  }
}

extension Tile1 {
  static func exactInputs(_ node: Node) -> [Int] { [1, 2] }
}
