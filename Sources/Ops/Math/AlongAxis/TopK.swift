import ONNXFormat
import ONNXOperators

/// The `k` largest elements along an axis (or the smallest, if `largest` is 0), sorted, and their
/// int64 indices.
///
/// Equal elements keep their order, and NaN is larger than any number. `k` is input 1; before
/// operator set 10 it is an attribute.
struct TopK: DifferentiableOperator {
  static let schema = Schema(
    "TopK",
    [
      1: .floats, 10: .floats, 11: [.floats, .integers], 24: [.floats, .bfloat16, .integers],
    ], inputs: 1...2, outputs: 1...2)
  static var widening: Widening { .exact }
  private let axis: Int
  private let fixedK: Int?
  private let isLargest: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: -1)
    fixedK = node.version < 10 ? try node.int("k") : nil
    isLargest = node.version >= 11 ? try node.flag("largest", default: true) : true
    // Sorted results are valid when no order is required.
    if node.version >= 11 { _ = try node.flag("sorted", default: true) }
    let inputs = node.version < 10 ? 1 : 2
    guard node.inputCount == inputs else {
      throw .invalid("expected \(inputs) inputs, got \(node.inputCount)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let k = try k(inputs)
    guard var shape = data.shape else {
      return [.tensor(data.elementType, nil), .tensor(.int64, nil)]
    }
    let axis = try normalized(axis: axis, rank: shape.rank)
    if let k, let size = shape[axis].size, k > size {
      throw .invalid("expected k of at most \(size), the size of axis \(axis), got \(k)")
    }
    shape[axis] = Dimension(k)
    return [.tensor(data.elementType, shape), .tensor(.int64, shape)]
  }

  private func k(_ inputs: Inputs) throws(OperatorError) -> Int? {
    var k = fixedK
    if k == nil {
      _ = try inputs.tensor(1, .int64)
      guard let values = try inputs.integers(1) else { return nil }
      guard values.count == 1 else { throw .input(1, "expected one number, got \(values.count)") }
      k = values[0]
    }
    if let k, k < 0 { throw .invalid("expected k of at least 0, got \(k)") }
    return k
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let split = AxisSplit(sizes, axis: try normalized(axis: axis, rank: sizes.count))
    guard let k = try k(call.inputs) else { throw .input(1, "k is not known before the run") }
    guard k <= split.size else {
      throw .invalid("expected k of at most \(split.size), the size of the axis, got \(k)")
    }
    let type = try call.elementType(0)
    guard let loops = type.dispatchNumber(to: RankingVisitor(), ()) else {
      throw .input(0, "expected numbers, got \(type)")
    }
    guard k > 0, split.lanes > 0 else { return .compute { _ in } }
    let (size, inner, stride) = (split.size, split.inner, type.stride)
    let (wantsValues, wantsPlaces) = (call.wants(0), call.wants(1))
    let flip: UInt64 = isLargest ? .max : 0
    let lanesPerTask = max(1, 4096 / size)
    let tile: Buffers.Tile = { buffers, task, thread in
      let ranked = UnsafeMutableBufferPointer(
        start: buffers.scratch.assumingMemoryBound(to: RankedPlace.self) + thread * size,
        count: size)
      let x = UnsafeRawPointer(buffers.input(0, as: UInt8.self))
      for lane in task * lanesPerTask..<min(split.lanes, (task + 1) * lanesPerTask) {
        let (row, column) = (lane / inner, lane % inner)
        let x = x + (row * size * inner + column) * stride
        loops.rank(x, inner, flip, ranked)
        ranked.selectLeast(k)
        let start = row * k * inner + column
        if wantsValues {
          let y = UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self)) + start * stride
          loops.pick(x, y, inner, UnsafeMutableBufferPointer(rebasing: ranked[..<k]))
        }
        if wantsPlaces {
          let places = buffers.output(1, as: Int64.self) + start
          for i in 0..<k { places[i * inner] = Int64(ranked[i].place) }
        }
      }
    }
    let scratch = call.threads * size * MemoryLayout<RankedPlace>.stride
    let tasks = (split.lanes - 1) / lanesPerTask + 1
    return .compute(scratch: scratch) { buffers in buffers.parallel(tasks, tile) }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let zeros = backward.builder.zeros(like: backward.input(0), try backward.elementType())
    let places = backward.output(1)
    backward.set(
      0,
      backward.builder.node(
        "ScatterElements", [zeros, places, gradient], [.int("axis", axis)]))
  }
}

extension TopK {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        10,
        up: { change throws(OperatorError) in
          guard let k = try change.int("k") else { throw .attribute("k", "is missing") }
          change.setInput(1, change.integers([k], "k"))
          change.drop("k")
        },
        down: { change throws(OperatorError) in
          guard let k = try change.integers(1).first else { throw .input(1, "is empty") }
          change.set(.int("k", k))
          change.setInput(1, "")
          try change.countFromFront("axis")
        }),
      VersionStep(
        11,
        down: { change throws(OperatorError) in
          // Sorted results are valid when no order is required.
          change.drop("sorted")
          if try change.int("largest") == 0 {
            change.precede(0, "Neg", type: change.tensorType(0))
            change.follow(0, "Neg")
          }
          change.drop("largest")
        }),
    ]
  }
}

extension TopK {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let axis = try normalized(axis: axis, rank: site.sizes().count)
    return site.along(axis..<axis + 1)
  }
}
