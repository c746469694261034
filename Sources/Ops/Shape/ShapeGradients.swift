import ONNXFormat
import ONNXOperators

/// An operator whose output has the elements of input 0 in another shape.
protocol ReshapingOperator: DifferentiableOperator {}

extension ReshapingOperator {
  static var widening: Widening { .exact }
  static var eightBitForm: EightBitForm { .inputScale }
  static func movedInputs(_ node: Node) -> [Int] { [0] }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel { .view(of: 0) }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let shape = backward.builder.shape(of: backward.input(0))
    backward.set(0, backward.builder.reshape(gradient, to: shape))
  }
}

extension Inputs {
  /// The shape that an int64 input holds. Its sizes are unknown if the contents are.
  func statedShape(_ index: Int) throws(OperatorError) -> Shape? {
    _ = try tensor(index, .int64)
    guard let sizes = try integers(index) else {
      return try Shape(unknownOfRank: try shape(index, rank: 1)?[0].size)
    }
    guard try tensor(index).shape?.rank == 1, sizes.elementCount != nil else {
      throw .input(index, "no tensor has shape \(sizes)")
    }
    return Shape(sizes)
  }
}

extension Kernel {
  /// The same kernel, after filling output 0 with zeros.
  func amidZeros(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard case .compute(let scratch, let body) = self else { return self }
    let count = try call.outputCount(0)
    let (bytes, overflow) = count.multipliedReportingOverflow(
      by: try call.elementType(0).stride)
    if overflow { throw .memory(needed: Int.max, limit: Int.max) }
    let tiles = Tiles(bytes, cost: 1)
    let tasks = Tiles(tiles.count, cost: 4096)
    let clear: Buffers.Tile = { buffers, task, _ in
      let range = tasks[task]
      let start = range.lowerBound * tiles.size
      let end = min(bytes, range.upperBound * tiles.size)
      UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self) + start)
        .initializeMemory(as: UInt8.self, repeating: 0, count: end - start)
    }
    return .compute(scratch: scratch) { buffers throws(OperatorError) in
      buffers.parallel(tasks.count, clear)
      try body(buffers)
    }
  }
}

extension ReshapingOperator {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.reshaped }
}
