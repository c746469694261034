import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Layer and root-mean-square normalization over the axes from `axis` on:
/// `y = (x − mean) / √(mean of (x − mean)² + ε) · scale + bias`, without the mean for the latter.
struct RowNormalization: Sendable {
  let axis: Int
  let epsilon: Float
  let isCentered: Bool

  /// Reads the attributes `axis` and `epsilon`.
  init(_ node: inout NodeReader, isCentered: Bool) throws(OperatorError) {
    axis = try node.int("axis", default: -1)
    epsilon = try node.float("epsilon", default: 1e-5)
    self.isCentered = isCentered
  }

  /// The first normalized axis of a tensor of this rank.
  func firstAxis(_ rank: Int) throws(OperatorError) -> Int {
    try normalized(axis: axis, rank: rank)
  }

  /// Checks that a scale or bias can be broadcast to the input.
  func check(_ inputs: Inputs, _ index: Int) throws(OperatorError) {
    guard let shape = try inputs.tensor(index).shape, let target = try inputs.tensor(0).shape else {
      return
    }
    guard shape.rank <= target.rank else {
      throw .input(index, "shape \(shape) cannot be broadcast to \(target)")
    }
    for (m, n) in zip(shape.reversed(), target.reversed()) {
      if let m = m.size, let n = n.size, m != 1, m != n {
        throw .input(index, "shape \(shape) cannot be broadcast to \(target)")
      }
    }
  }

  /// - Parameters: the outputs for the mean and the inverse standard deviation of each row
  func kernel(_ call: Preparation, mean: Int? = nil, inverse: Int? = nil) throws(OperatorError)
    -> Kernel
  {
    switch try call.elementType(0) {
    case .float64: try kernel(call, mean, inverse, Double.self)
    default: try kernel(call, mean, inverse, Float.self)
    }
  }

  private func kernel<C: RowElement>(
    _ call: Preparation, _ meanOutput: Int?, _ inverseOutput: Int?, _ type: C.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let size = try call.count(sizes.dropFirst(try firstAxis(sizes.count)))
    let count = try call.count(sizes)
    guard count > 0 else { return .compute { _ in } }
    let rows = count / size
    let input: RealRows<C> = try call.rows(0)
    let target = try RealRows<C>(try call.outputType(0))
    var statistics: RealRows<C>?
    if let index = meanOutput ?? inverseOutput {
      statistics = try RealRows(try call.outputType(index))
    }
    let scale = try SpreadRows<C>(call, 1, size: size)
    let bias = call.inputs.has(2) ? try SpreadRows<C>(call, 2, size: size) : nil
    let roomX = input.room(size)
    let room = roomX + max(target.room(size), roomX)
    let shared = scale.room + (bias?.room ?? 0)
    let tiles = Tiles(rows, cost: .work(size, 4))
    let tile: Buffers.Tile = { [statistics] buffers, task, thread in
      let memory = buffers.scratch.assumingMemoryBound(to: C.self)
      let scratch = memory + shared + thread * room
      for row in tiles[task] {
        let x = input.read(buffers.bytes(input: 0), at: row * size, size, room: scratch)
        let y = target.target(buffers.bytes(output: 0), at: row * size, room: scratch + roomX)
        let mean = isCentered ? C.sum(x, size) / C(size) : 0
        let variance = C.squares(x, size, mean: mean) / C(size)
        let factor = 1 / (variance + C(epsilon)).squareRoot()
        C.normalize(
          x, y, size, mean: mean, factor: factor, scale.row(row, buffers, memory),
          bias?.row(row, buffers, memory + scale.room))
        target.store(y, buffers.bytes(output: 0), at: row * size, size)
        guard let statistics else { continue }
        for (index, value) in [(meanOutput, mean), (inverseOutput, factor)] {
          guard let index else { continue }
          var value = value
          let place = statistics.target(buffers.bytes(output: index), at: row, room: &value)
          place.pointee = value
          statistics.store(place, buffers.bytes(output: index), at: row, 1)
        }
      }
    }
    return .compute(
      scratch: .work(shared + .work(call.threads, room), MemoryLayout<C>.stride)
    ) { buffers in
      let memory = buffers.scratch.assumingMemoryBound(to: C.self)
      scale.spread(buffers, memory)
      bias?.spread(buffers, memory + scale.room)
      buffers.parallel(tiles.count, tile)
    }
  }
}

extension VersionStep {
  /// Replaces the operator by the nodes that computed it before it existed.
  static func introducedRows(_ version: Int, isCentered: Bool) -> VersionStep {
    .introduced(version) { change throws(OperatorError) in
      let element = try change.elementType(0)
      let rank = try change.rank(0)
      let axis = try change.fromFront(try change.int("axis") ?? -1)
      guard axis < rank else {
        throw .attribute("axis", "\(axis) is out of range for rank \(rank)")
      }
      let axes = Array(axis..<rank)
      let epsilon = Double(try change.float("epsilon") ?? 1e-5)
      let stash = try change.int("stash_type").flatMap {
        ElementType(rawValue: Int32(clamping: $0))
      }
      let wide = element == .float64 ? element : stash ?? .float32
      let type = TensorType(wide, change.tensorType(0)?.shape)
      var x = try change.input(0)
      if wide != element { x = change.cast(x, to: wide, shape: type.shape) }
      var deviation = x
      if isCentered {
        let mean = change.mean(x, axes, as: change.output(1))
        deviation = change.emit("Sub", [x, mean], type: type)
      }
      let squares = change.emit("Mul", [deviation, deviation], type: type)
      let variance = change.mean(squares, axes)
      let sum = change.emit("Add", [variance, try change.scalar(epsilon, wide, "epsilon")])
      let inverse = change.emit("Reciprocal", [change.emit("Sqrt", [sum])], as: change.output(2))
      var y = change.emit("Mul", [deviation, inverse], type: type)
      let target = isCentered ? element : try change.elementType(1)
      if wide != target {
        y = change.cast(y, to: target, shape: type.shape)
      }
      let hasBias = change.has(2)
      y = change.emit(
        "Mul", [y, try change.input(1)], as: hasBias ? nil : change.output(0),
        type: TensorType(target, type.shape))
      if hasBias { change.emit("Add", [y, try change.input(2)], as: change.output(0)) }
      change.isReplaced = true
    }
  }
}

extension RewritePattern {
  /// `x / √(mean of x² + ε) · scale`, as a quotient or as a product with the inverse root.
  static func normalized(_ x: RewritePattern, times scale: RewritePattern) -> RewritePattern {
    let variance = sum(mean(square(x), axes: "axes"), scalar("epsilon"))
    let root = node("Sqrt", [variance])
    let inverse = either([
      node("Reciprocal", [root]), quotient(number(1), root), power(variance, -0.5),
    ])
    return either([product(quotient(x, root), scale), product(x, inverse, scale)])
  }
}

extension RewriteMatch {
  /// The node for a match of the pattern above: the normalization of `x` over its last axes.
  /// - Parameter more: inputs after the scale
  func rows(_ operatorType: String, _ more: [String], version: Int) -> Node? {
    // The attribute epsilon is a float32: too coarse for float64.
    guard let axis = firstOfLastAxes("axes", of: "x"), type("x")?.elementType != .float64 else {
      return nil
    }
    return node(
      operatorType, ["x", "scale"] + more,
      [.int("axis", axis), .float("epsilon", Float(scalar("epsilon")))], version: version)
  }
}
