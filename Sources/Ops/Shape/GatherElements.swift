import ONNXFormat
import ONNXOperators

/// `y[i, j, k] = data[indices[i, j, k], j, k]` for `axis` 0; other axes accordingly.
struct GatherElements: DifferentiableOperator {
  static let schema = Schema(
    "GatherElements", [11: .classic, 13: .any13], inputs: 2...2)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 0)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, [.int32, .int64])
    if let shape = data.shape {
      let axis = try normalized(axis: axis, rank: shape.rank)
      try checkElementIndices(shape, indices.shape, axis: axis)
    }
    return [.tensor(data.elementType, indices.shape ?? data.shape.map { Shape(rank: $0.rank) })]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let offsets = try ElementOffsets(call, axis: axis)
    return try BlockGather(block: 1, count: offsets.count).kernel(try call.elementType(0)) {
      buffers, places throws(OperatorError) in try offsets.fill(buffers, places)
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let zeros = backward.builder.zeros(like: backward.input(0), try backward.elementType())
    backward.set(
      0,
      backward.builder.node(
        "ScatterElements", [zeros, backward.input(1), gradient],
        [.int("axis", axis), .string("reduction", "add")]))
  }
}

/// Checks the shape of `indices`.
/// - Throws: `OperatorError.input` unless `indices` has the rank of `data` and is no larger along any
///   other axis than `axis`
func checkElementIndices(
  _ data: Shape, _ indices: Shape?, axis: Int
) throws(OperatorError) {
  guard let indices else { return }
  guard indices.rank == data.rank else {
    throw .input(1, "expected rank \(data.rank), got shape \(indices)")
  }
  for other in data.indices where other != axis {
    if let size = data[other].size, let count = indices[other].size, count > size {
      throw .input(1, "shape \(indices) is larger than \(data) at axis \(other)")
    }
  }
}

/// The offsets in `data` (input 0) of the elements that `indices` (input 1, same rank) selects along an
/// axis. Their position along other axes is that of the index.
struct ElementOffsets: Sendable {
  let count: Int
  private let size: Int
  private let stride: Int
  private let indices: Offsets
  /// The sizes of `indices`, and the strides of `data` along its dimensions, 0 for the axis.
  private let sizes: [Int]
  private let strides: [Int]

  init(_ call: Preparation, axis: Int) throws(OperatorError) {
    let data = try call.inputSizes(0)
    let axis = try normalized(axis: axis, rank: data.count)
    sizes = try call.inputSizes(1)
    count = try call.inputCount(1)
    indices = try Offsets(call, input: 1)
    size = data[axis]
    var strides = rowMajorStrides(data)
    stride = strides[axis]
    strides[axis] = 0
    self.strides = strides
  }

  func fill(
    _ buffers: Buffers, _ offsets: UnsafeMutablePointer<Int>
  ) throws(OperatorError) {
    guard count > 0 else { return }
    // First the offset along the other axes, then the index.
    let last = sizes.count - 1
    let (length, step) = (sizes[last], strides[last])
    for row in 0..<count / length {
      var rest = row
      var base = 0
      for axis in (0..<last).reversed() {
        let index: Int
        (rest, index) = rest.quotientAndRemainder(dividingBy: sizes[axis])
        base += index * strides[axis]
      }
      let line = offsets + row * length
      for i in 0..<length { line[i] = base + i * step }
    }
    try indices.fill(buffers, count: count, offsets) { i, position throws(OperatorError) in
      offsets[i] + (try indices.check(position, size, at: i)) * stride
    }
  }
}

extension GatherElements {
  static var versionSteps: [VersionStep] {
    [
      .introduced(11) { change throws(OperatorError) in
        guard let data = change.sizes(0), data.elementCount != nil, let sizes = change.sizes(1)
        else {
          throw .unsupported(
            "GatherElements came with operator set 11, and its shapes are not known")
        }
        let count = try change.elementCount(sizes)
        let axis = try normalized(axis: try change.int("axis") ?? 0, rank: data.count)
        let strides = rowMajorStrides(data)
        var offsets = [Int64](repeating: 0, count: count)
        for (other, inner) in rowMajorStrides(sizes).enumerated() where other != axis {
          for place in 0..<count {
            offsets[place] += Int64(place / max(inner, 1) % sizes[other] * strides[other])
          }
        }
        // Negative indices count from the end.
        let given = change.emit("Cast", [try change.input(1)], [change.castTarget(.int64)])
        let isNegative = change.emit(
          "Cast", [try change.isNegative(given)], [change.castTarget(.int64)])
        let wrapped = change.emit(
          "Add", [given, change.emit("Mul", [isNegative, change.integer(data[axis], "size")])])
        let steps = change.emit("Mul", [wrapped, change.integer(strides[axis], "stride")])
        let places = change.emit(
          "Add", [steps, change.constant(Tensor(shape: sizes, offsets), "offsets")])
        change.become(
          "Gather", [change.reshape(try change.input(0), [-1]), places], [.int("axis", 0)])
      }
    ]
  }
}
