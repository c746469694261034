import ONNXFormat
import ONNXOperators

/// Slices of `data`, one for each tuple of indices along the last axis of `indices`. The first
/// `batch_dims` dimensions of both are the same.
struct GatherND: DifferentiableOperator {
  static let schema = Schema(
    "GatherND", [11: .classic, 12: .classic, 13: .any13], inputs: 2...2)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let batchRank: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    try self.init(batchRank: node.version >= 12 ? node.int("batch_dims", default: 0) : 0)
  }

  init(batchRank: Int) throws(OperatorError) {
    guard batchRank >= 0 else { throw .attribute("batch_dims", "\(batchRank) is negative") }
    self.batchRank = batchRank
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, .int64)
    guard let shape = data.shape, let places = indices.shape else {
      return [.tensor(data.elementType, nil)]
    }
    guard batchRank < places.rank, batchRank < shape.rank else {
      throw .attribute("batch_dims", "\(batchRank) is too large for shapes \(shape) and \(places)")
    }
    guard let width = places[places.rank - 1].size else { return [.tensor(data.elementType, nil)] }
    guard width <= shape.rank - batchRank else {
      throw .input(1, "tuples of \(width) indices do not fit shape \(shape)")
    }
    for axis in 0..<batchRank {
      do { _ = try unify(shape[axis], places[axis]) } catch {
        throw .input(1, "shape \(places) does not fit \(shape) at axis \(axis)")
      }
    }
    return [
      .tensor(
        data.elementType, Shape(Array(places.dropLast() + shape[(batchRank + width)...])))
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let offsets = try offsets(call)
    let block = try call.outputCount(0) == 0 ? 0 : offsets.block
    return try BlockGather(block: block, count: offsets.count).kernel(try call.elementType(0)) {
      buffers, places throws(OperatorError) in try offsets.fill(buffers, places)
    }
  }

  func offsets(_ call: Preparation) throws(OperatorError) -> TupleOffsets {
    try TupleOffsets(
      call, batch: try call.inputSizes(0)[..<batchRank].wrappingProduct, batchRank: batchRank)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let zeros = backward.builder.zeros(like: backward.input(0), try backward.elementType())
    backward.set(
      0,
      backward.builder.privateNode(
        "GatherNDGrad", [zeros, backward.input(1), gradient], [.int("batch_dims", batchRank)]))
  }
}

/// The gradient of `GatherND`: slices of the gradient of its output (input 2) added to zeros (input 0) at
/// the indices (input 1).
struct GatherNDGrad: Operator {
  static let schema = Schema(
    "GatherNDGrad", domain: Registry.privateDomain, [1: [.floats, .bfloat16]], inputs: 3...3)
  private let base: GatherND

  init(_ node: inout NodeReader) throws(OperatorError) {
    base = try GatherND(batchRank: node.int("batch_dims", default: 0))
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let taken = try base.infer(inputs)
    _ = try inputs.tensor(2, sameTypeAs: 0)
    if let shape = taken.first?.tensorType?.shape { try inputs.require(2, shape) }
    return [.tensor(try inputs.tensor(0))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let offsets = try base.offsets(call)
    let block = try call.inputCount(2) == 0 ? 0 : offsets.block
    return try Scattering(block: block, count: offsets.count, reduction: .add).kernel(call) {
      buffers, places throws(OperatorError) in try offsets.fill(buffers, places)
    }
  }
}

/// The offsets in `data` (input 0) of the blocks that the tuples of `indices` (input 1) select.
struct TupleOffsets: Sendable {
  /// The number of blocks.
  let count: Int
  /// The number of elements of a block.
  let block: Int
  private let sizes: [Int]
  /// The strides of `data` in blocks.
  private let strides: [Int]
  private let perBatch: Int
  private let batchStride: Int
  private let indices: Offsets

  init(_ call: Preparation, batch: Int = 1, batchRank: Int = 0) throws(OperatorError) {
    let data = try call.inputSizes(0)
    let places = try call.inputSizes(1)
    guard let width = places.last, batchRank + width <= data.count,
      let count = places.dropLast().elementCount
    else { throw .input(1, "shape \(places) does not fit \(data)") }
    self.count = count
    sizes = Array(data[batchRank..<(batchRank + width)])
    strides = rowMajorStrides(sizes)
    block = data[(batchRank + width)...].wrappingProduct
    perBatch = batch > 0 ? max(count / batch, 1) : 1
    batchStride = sizes.wrappingProduct
    indices = try Offsets(call, input: 1)
  }

  func fill(
    _ buffers: Buffers, _ offsets: UnsafeMutablePointer<Int>
  ) throws(OperatorError) {
    let x = buffers.input(indices.input, as: Int64.self)
    let width = sizes.count
    for i in 0..<count {
      var offset = i / perBatch &* batchStride
      for axis in 0..<width {
        let place = i &* width &+ axis
        offset &+= (try indices.check(Int(x[place]), sizes[axis], at: place)) &* strides[axis]
      }
      offsets[i] = offset
    }
  }
}

extension GatherND {
  static var versionSteps: [VersionStep] {
    [
      .added(12, ["batch_dims": .int(0)])
    ]
  }
}
