import CKernels
import ONNXFormat
import ONNXOperators

/// The gradient of `Gather`: zeros to which the slices of the gradient of its output are added where they
/// came from. Inputs are that gradient, the shape of the data, and the indices.
struct GatherGrad: Operator {
  static let schema = Schema(
    "GatherGrad", gradientOf: Gather.schema, inputs: 3...3, outputs: 1...1)
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 0)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let gradient = try inputs.tensor(0, [.floats, .bfloat16])
    let places = try inputs.tensor(2, [.int32, .int64]).shape
    let shape = try inputs.statedShape(1)
    if let shape {
      let axis = try normalized(axis: axis, rank: shape.rank)
      if let places {
        let taken = Array(shape[..<axis]) + Array(places) + Array(shape[(axis + 1)...])
        try inputs.require(0, Shape(taken))
      }
    }
    return [.tensor(gradient.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, Float.self)
    case .float64: try kernel(call, Double.self)
    case .float16: try kernel(call, Float16.self)
    case .bfloat16: try kernel(call, BFloat16.self)
    case let type: throw .input(0, "unexpected element type \(type)")
    }
  }

  /// A task computes some columns of some slices, for all indices in order.
  private func kernel<T: SummableElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.outputSizes(0)
    let split = AxisSplit(sizes, axis: try normalized(axis: axis, rank: sizes.count))
    let places = try call.inputCount(2)
    let indices = try Offsets(call, input: 2)
    let (outer, size, block) = (split.outer, split.size, split.inner)
    let isEmpty = try call.inputCount(0) == 0
    let width = 64
    let pieces = isEmpty ? 1 : (block - 1) / width + 1
    let perTask = isEmpty ? 1 : max(1, 16384 / max(places * min(block, width), 1))
    let tasks = isEmpty ? 0 : (outer * pieces - 1) / perTask + 1
    let tile: Buffers.Tile = { buffers, task, _ in
      let offsets = buffers.scratch.assumingMemoryBound(to: Int.self)
      let g = buffers.input(0, as: T.self)
      let gx = buffers.output(0, as: T.self)
      for piece in task * perTask..<min(outer * pieces, (task + 1) * perTask) {
        let column = piece % pieces * width
        let count = min(width, block - column)
        let from = g + (piece / pieces * places * block + column)
        let to = gx + (piece / pieces * size * block + column)
        for i in 0..<places { T.add(from + i * block, to: to + offsets[i] * block, count) }
      }
    }
    return try Kernel.compute(scratch: scratchBytes(places)) { buffers throws(OperatorError) in
      let offsets = buffers.scratch.assumingMemoryBound(to: Int.self)
      try indices.fill(buffers, count: places, offsets) { i, position throws(OperatorError) in
        try indices.check(position, size, at: i)
      }
      buffers.parallel(tasks, tile)
    }.amidZeros(call)
  }
}

/// An element whose rows can be added.
protocol SummableElement: RealElement {
  /// `y[i] += x[i]`
  static func add(_ x: UnsafePointer<Self>, to y: UnsafeMutablePointer<Self>, _ count: Int)
}

extension SummableElement {
  static func add(_ x: UnsafePointer<Self>, to y: UnsafeMutablePointer<Self>, _ count: Int) {
    for i in 0..<count { y[i] = Self(compute: y[i].compute + x[i].compute) }
  }
}

extension Double: SummableElement {}
extension Float16: SummableElement {}
extension BFloat16: SummableElement {}
extension Float: SummableElement {
  static func add(_ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, _ count: Int) {
    if count < 8 {
      for i in 0..<count { y[i] += x[i] }
    } else {
      ck_add(y, 1, x, 1, y, count)
    }
  }
}
