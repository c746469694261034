import ONNXFormat

/// A recurrent layer ready to run: a cell that goes along sequences of known sizes, in one or both
/// directions.
///
/// The hidden units are cut into tiles. A tile needs nothing of the others but their part of the
/// state before, so threads meet once a phase and not otherwise. The input's part of the sums is
/// made for some steps ahead, as one product.
struct RecurrentLayer<E: RealElement, C: RecurrentCell>: Sendable where C.Value == E.Compute {
  typealias T = C.Value

  let cell: C
  let reversed: [Bool]
  let sizes: RecurrentSizes
  let layout: ParameterLayout
  let tiling: RecurrentTiling
  let memory: RecurrentMemory
  /// `nil` where the weights are not known before the run.
  let packed: PackedParameters<T>?
  /// Which inputs and outputs the node has.
  let given: [Bool]
  let wanted: [Bool]

  init(
    _ type: E.Type, _ cell: C, _ attributes: RecurrentAttributes, _ call: Preparation
  ) throws(OperatorError) {
    let inputs = call.inputs
    self.cell = cell
    reversed = attributes.reversed
    given = (0..<8).map(inputs.has)
    wanted = (0..<3).map(call.wants)
    sizes = try RecurrentSizes(
      RecurrentShape(inputs, attributes, gates: cell.matrices.reduce(0, +)))
    layout = ParameterLayout(cell, hidden: sizes.hidden, inputSize: sizes.input)
    tiling = RecurrentTiling(sizes, layout.input, threads: call.threads)
    let places = [1, 2, 3, 7].filter(inputs.has)
    let weights = places.compactMap(inputs.constant)
    let isConstant = weights.count == places.count
    memory = try RecurrentMemory(
      cell, sizes, layout, tiling, convertsInput: E.self != T.self, packs: !isConstant)
    let tiles = tiling.count
    call.note(
      "\(sizes.hidden) units\(sizes.directions == 1 ? "" : " in two directions"), "
        + "\(tiles == 1 ? "one tile" : "\(tiles) tiles") a step, weights packed "
        + (isConstant ? "once" : "in each run"))
    guard isConstant else {
      packed = nil
      return
    }
    let (layout, directions) = (layout, sizes.directions)
    packed = try attributes.cache.parameters(of: weights) { () throws(OperatorError) in
      try withExtendedLifetime(inputs) { () throws(OperatorError) in
        try PackedParameters(
          layout, directions: directions,
          ParameterSource {
            inputs.constant($0).map {
              UnsafePointer($0.storage.pointer.assumingMemoryBound(to: E.self))
            }
          })
      }
    }
  }

  var kernel: Kernel {
    let member: Buffers.Tile = { buffers, task, _ in
      let run = RecurrentRun(self, buffers)
      guard tiling.perDirection > 1 else { return run.walk(direction: task) }
      run.team.run(run.steps * cell.phases) { phase, tile in run.advance(phase, tile: tile) }
    }
    return .compute(scratch: memory.byteCount) { buffers throws(OperatorError) in
      let run = RecurrentRun(self, buffers, steps: try longest(buffers))
      run.begin()
      if run.steps > 0, sizes.batch > 0 {
        // Directions do not meet: each may be walked along by itself.
        buffers.parallel(tiling.perDirection > 1 ? tiling.members : tiling.directions, member)
      }
      run.finish()
    }
  }

  /// Steps of the longest sequence.
  /// - Throws: `OperatorError.input` where a length is negative or beyond X.
  private func longest(_ buffers: Buffers) throws(OperatorError) -> Int {
    guard given[4] else { return sizes.steps }
    let lengths = buffers.input(4, as: Int32.self)
    var longest = 0
    for row in 0..<sizes.batch {
      let length = Int(lengths[row])
      guard (0...sizes.steps).contains(length) else {
        throw .input(4, "expected lengths of 0 to \(sizes.steps), got \(length)")
      }
      longest = max(longest, length)
    }
    return longest
  }
}

extension RecurrentCell {
  /// The kernel of a layer of this cell whose tensors hold elements of type `E`.
  func kernel<E: RealElement>(
    _ type: E.Type, _ attributes: RecurrentAttributes, _ call: Preparation
  ) throws(OperatorError) -> Kernel where E.Compute == Value {
    try RecurrentLayer(type, self, attributes, call).kernel
  }
}

/// The kernel of a layer: `float` computes all types but float64.
func recurrentKernel(
  _ call: Preparation, _ attributes: RecurrentAttributes, float: some RecurrentCell<Float>,
  double: some RecurrentCell<Double>
) throws(OperatorError) -> Kernel {
  switch try call.elementType(0) {
  case .float32: try float.kernel(Float.self, attributes, call)
  case .float16: try float.kernel(Float16.self, attributes, call)
  case .bfloat16: try float.kernel(BFloat16.self, attributes, call)
  case .float64: try double.kernel(Double.self, attributes, call)
  case let type: throw .input(0, "no kernel for \(type)")
  }
}
