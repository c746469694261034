import ONNXFormat
import ONNXOperators
import ONNXProducts

/// A recurrent layer ready to run: a cell that advances along sequences of known sizes, in one or
/// both directions.
///
/// The hidden units are divided into tiles. A tile needs nothing of the others but their part of the
/// previous state, so threads meet once a phase and not otherwise. The input's part of the sums is
/// computed for several steps at once, as one product.
///
/// In training, the same driver keeps the gates and states of every step in the reserve, the last
/// output, and divides large batches into blocks of rows, which need nothing of each other.
struct RecurrentLayer<T: GateValue>: Sendable {
  let cell: AnyRecurrentCell<T>
  let elements: LayerElements<T>
  let reversed: [Bool]
  let sizes: RecurrentSizes
  let layout: ParameterLayout
  let tiling: RecurrentTiling
  let memory: RecurrentMemory
  /// `nil` where the node is not trained.
  let reserve: RecurrentReserve?
  /// The output that receives the reserve, if any.
  let reserveOutput: Int?
  /// `nil` where the weights are unknown before the run.
  let packed: PackedParameters<T>?
  /// The inputs and outputs that the node has.
  let given: [Bool]
  let wanted: [Bool]

  init(
    _ elements: LayerElements<T>, _ cell: AnyRecurrentCell<T>,
    _ attributes: RecurrentAttributes, _ call: Preparation, isTraining: Bool
  ) throws(OperatorError) {
    let inputs = call.inputs
    self.cell = cell
    self.elements = elements
    reversed = attributes.reversed
    given = (0..<8).map(inputs.has)
    let stateOutputs = cell.shape.hasCellState ? 2 : 1
    wanted = (0..<3).map { $0 <= stateOutputs && call.wants($0) }
    sizes = try RecurrentSizes(RecurrentShape(inputs, attributes, gates: cell.shape.gates))
    // Weights that are trained change from run to run.
    let places = ParameterTensors.inputs.filter(inputs.has)
    let weights = isTraining ? [] : places.compactMap(inputs.constant)
    let isConstant = weights.count == places.count
    layout = ParameterLayout(
      T.self, cell.shape, sizes,
      format: isConstant && T.self == Float.self ? PanelFormat(call, weights: 1) : .float32)
    tiling = RecurrentTiling(
      sizes, layout.input, threads: call.threads, isTraining: isTraining)
    reserve =
      isTraining
      ? try RecurrentReserve(T.self, cell.shape, sizes, reversed: reversed) : nil
    reserveOutput = isTraining && call.wants(stateOutputs + 1) ? stateOutputs + 1 : nil

    memory = try RecurrentMemory(
      T.self, cell.shape, sizes, layout, tiling, reserve: reserve,
      hasReserveOutput: reserveOutput != nil, converts: elements.areConverted, packs: !isConstant,
      // X may hold anything past the end of a sequence.
      findsOnes: OneHotRows.areLikely(width: sizes.input) && !given[4]
        && layout.input.format == .float32)
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
          layout, directions: directions, elements,
          ParameterTensors {
            inputs.constant($0).map { UnsafeRawPointer($0.storage.pointer) }
          })
      }
    }
  }

  var kernel: Kernel {
    let pack: Buffers.Tile = { buffers, task, _ in RecurrentRun(self, buffers).pack(task) }
    let block: Buffers.Tile = { buffers, task, _ in RecurrentRun(self, buffers).walk(tile: task) }
    let member: Buffers.Tile = { buffers, _, _ in RecurrentRun(self, buffers).takePart() }
    return .compute(scratch: memory.byteCount) { buffers throws(OperatorError) in
      let longest = try sizes.longest(given[4] ? buffers.input(4) : nil)
      // Training carries the states of every row to the end.
      let run = RecurrentRun(self, buffers, steps: reserve == nil ? longest : sizes.steps)
      run.begin()
      if run.steps > 0, sizes.batch > 0 {
        if packed == nil { buffers.parallel(sizes.directions * layout.input.panels, pack) }
        if tiling.unitTiles > 1 {
          buffers.parallel(tiling.members, member)
        } else {
          buffers.parallel(tiling.count, block)
        }
      }
      run.finish()
    }
  }
}

extension AnyRecurrentCell {
  /// The kernel of a layer of this cell, whose tensors hold `elements`.
  func kernel(
    _ elements: LayerElements<Value>, _ attributes: RecurrentAttributes, _ call: Preparation,
    isTraining: Bool
  ) throws(OperatorError) -> Kernel {
    try RecurrentLayer(elements, self, attributes, call, isTraining: isTraining).kernel
  }
}
