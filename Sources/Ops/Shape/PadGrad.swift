import ONNXFormat
import ONNXOperators

extension Backward {
  /// Sets the gradients of the padded data and of the constant, input 2.
  /// - Parameters:
  ///   - pads: an int64 tensor like input 1 of `Pad`
  ///   - axes: a value like input 3 of `Pad`
  mutating func removePadding(
    _ mode: Padding.Mode, pads: String, axes: String
  ) throws(OperatorError) {
    guard let gradient = gradient() else { return }
    guard mode == .constant else {
      let inputs = [gradient, builder.shape(of: input(0)), pads, axes]
      return set(0, builder.privateNode("PadGrad", inputs, [.string("mode", mode.rawValue)]))
    }
    let kept = builder.node("Pad", [gradient, builder.neg(pads), "", axes])
    set(0, kept)
    guard wants(2) else { return }
    let sum = builder.sub(
      builder.reduceSum(gradient, keepAxes: false), builder.reduceSum(kept, keepAxes: false))
    set(2, builder.reshape(sum, to: builder.shape(of: input(2))))
  }
}

/// The gradient of `Pad` with the modes reflect, edge and wrap: each element of the gradient of its output
/// is added where it came from. Inputs are that gradient, the shape of the data, the pads, and the axes.
struct PadGrad: Operator {
  static let schema = Schema(
    "PadGrad", domain: Registry.privateDomain, [1: [.floats, .bfloat16]], inputs: 3...4)
  let mode: Padding.Mode

  init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.choice(
      "mode", default: "reflect", among: ["reflect", "edge", "wrap"])
    mode = Padding.Mode(rawValue: name) ?? .reflect
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.statedShape(1)
    if let shape, let padding = try padding(inputs, rank: shape.rank) {
      try inputs.require(0, padding.apply(to: shape))
    }
    return [.tensor(try inputs.tensor(0).elementType, shape)]
  }

  private func padding(_ inputs: Inputs, rank: Int) throws(OperatorError) -> Padding? {
    guard let pads = try inputs.integers(2) else { return nil }
    guard inputs.has(3) else { return try Padding(pads, axes: nil, rank: rank, mode) }
    guard let axes = try inputs.integers(3) else { return nil }
    return try Padding(pads, axes: axes, rank: rank, mode)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard let padding = try padding(call.inputs, rank: call.outputSizes(0).count) else {
      throw .input(2, "the contents are not known")
    }
    return switch try call.elementType(0) {
    case .float32: try kernel(call, padding, Float.self)
    case .float64: try kernel(call, padding, Double.self)
    case .float16: try kernel(call, padding, Float16.self)
    case .bfloat16: try kernel(call, padding, BFloat16.self)
    case let type: throw .input(0, "unexpected element type \(type)")
    }
  }

  /// A task computes some of the slices along the axes before the first padded one.
  private func kernel<T: SummableElement>(
    _ call: Preparation, _ padding: Padding, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.outputSizes(0)
    let source = try call.inputSizes(0)
    if try call.inputCount(0) == 0 { return try Kernel.compute { _ in }.amidZeros(call) }
    let isPadded = { (axis: Int) in padding.before[axis] != 0 || padding.after[axis] != 0 }
    guard let first = sizes.indices.first(where: isPadded),
      let last = sizes.indices.last(where: isPadded)
    else { return .view(of: 0) }
    let slices = sizes[..<first].wrappingProduct
    let block = sizes[(last + 1)...].wrappingProduct
    let strides = rowMajorStrides(sizes)
    // The index in the data for each index of the output, for each padded axis and those between.
    let places = (first...last).map { axis in
      let padded = PaddedAxis(
        size: sizes[axis], target: source[axis], before: padding.before[axis],
        after: padding.after[axis], mode)
      return (0..<source[axis]).map { (padded.source($0) ?? 0) * strides[axis] }
    }
    let row = places[places.count - 1]
    let outer = Array(places.dropLast())
    let rows = outer.map(\.count).wrappingProduct
    let size = sizes[first...].wrappingProduct
    let tiles = Tiles(slices, cost: source[first...].wrappingProduct)
    let tile: Buffers.Tile = { buffers, task, _ in
      for slice in tiles[task] {
        var g = buffers.input(0, as: T.self) + slice * rows * row.count * block
        let gx = buffers.output(0, as: T.self) + slice * size
        for index in 0..<rows {
          var (rest, start) = (index, 0)
          for axis in outer.reversed() {
            start += axis[rest % axis.count]
            rest /= axis.count
          }
          for place in row {
            T.add(g, to: gx + start + place, block)
            g += block
          }
        }
      }
    }
    return try Kernel.compute { buffers in buffers.parallel(tiles.count, tile) }.amidZeros(call)
  }
}
