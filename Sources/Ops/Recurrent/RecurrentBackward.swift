import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The backward pass: blocks of rows advance along the sequence against its direction and leave the
/// gradients of all sums; the gradients of weights and X are one product each over all steps.
struct RecurrentBackward<T: GateValue>: Sendable {
  typealias Values = UnsafeMutablePointer<T>

  private let cell: AnyRecurrentCell<T>
  private let sizes: RecurrentSizes
  private let reversed: [Bool]
  private let reserve: RecurrentReserve
  private let layout: TransposedLayout
  private let blocks: Int
  private let given: [Bool]
  private let wanted: [Bool]
  private let products: GradientProducts<T>
  /// For the gradient of X, where its rows are whole vectors.
  private let inputProduct: PackedInputProduct<T>?
  private let copiesInput: Bool

  // Offsets in the scratch memory.
  private let input: Int
  private let packed: Int
  private let packedInput: Int
  private let gradients: Int
  private let states: Int
  private let sums: Int
  private let peepholes: Int
  private let inputGradient: Int
  private let table: Int
  private let rows: Int
  private let byteCount: Int

  private var slots: Int { cell.shape.slots }
  private var gates: Int { cell.shape.gates }
  private var padded: Int { reserve.padded }

  init(
    _ cell: AnyRecurrentCell<T>, _ attributes: RecurrentAttributes, _ call: Preparation
  ) throws(OperatorError) {
    self.cell = cell
    reversed = attributes.reversed
    let shape = cell.shape
    sizes = try RecurrentSizes(
      RecurrentShape(call.inputs.ofLayer, attributes, gates: shape.gates))
    reserve = try RecurrentReserve(T.self, shape, sizes, reversed: reversed)
    let padded = reserve.padded
    layout = TransposedLayout(T.self, shape, hidden: sizes.hidden, padded: padded)
    blocks = RecurrentTiling.blocks(sizes.batch)
    given = (0..<12).map(call.inputs.has)
    wanted = (0..<7).map(call.wants)
    let value = MemoryLayout<T>.stride
    let (directions, steps, batch) = (sizes.directions, sizes.steps, sizes.batch)
    // X may hold anything past the end of a sequence, even what 0 times is not 0.
    copiesInput = wanted[1] && (sizes.batchFirst || given[4])
    inputProduct = wanted[0] ? PackedInputProduct(shape, sizes, padded: padded) : nil
    var parts = MemoryParts()
    input = copiesInput ? parts.reserve(steps, batch, sizes.input, bytes: value) : 0
    packed = parts.reserve(directions, layout.count, bytes: value)
    packedInput = parts.reserve(directions, inputProduct?.count ?? 0, bytes: value)
    gradients = parts.reserve(directions, steps, batch, shape.slots, padded, bytes: value)
    states = parts.reserve(directions, 3, batch, padded, bytes: value)
    sums = parts.reserve(directions, blocks, shape.slots + 3, padded, bytes: value)
    peepholes = parts.reserve(directions, 3, padded, bytes: value)
    inputGradient =
      wanted[0] && sizes.batchFirst && inputProduct == nil
      ? parts.reserve(steps, batch, sizes.input, bytes: value) : 0
    table = parts.reserve(directions, batch, bytes: MemoryLayout<ck_row>.stride)
    rows = parts.reserve(directions, batch, bytes: MemoryLayout<Int32>.stride)
    try parts.check()
    byteCount = parts.byteCount
    products = try GradientProducts(
      shape, sizes, reserve, wanted: [wanted[0] && inputProduct == nil, wanted[1], wanted[2]])
  }

  private func values(_ buffers: Buffers, _ offset: Int) -> Values {
    (buffers.scratch + offset).assumingMemoryBound(to: T.self)
  }
  private func lengths(_ buffers: Buffers) -> UnsafePointer<Int32>? {
    given[4] ? buffers.input(4) : nil
  }
  /// Sums of a block's gradients, `[slots + 3, padded]`.
  private func sums(_ buffers: Buffers, _ direction: Int, _ block: Int) -> Values {
    values(buffers, sums) + (direction * blocks + block) * (slots + 3) * padded
  }

  var kernel: Kernel {
    let packs = sizes.directions * layout.panels
    let inputPacks = sizes.directions * (inputProduct?.panels ?? 0)
    let inputTasks = inputProduct?.tasks ?? 0
    let copy: Buffers.Tile = { buffers, step, _ in copyInput(buffers, step) }
    let pack: Buffers.Tile = { buffers, task, _ in
      task < packs ? self.pack(buffers, task) : packInput(buffers, task - packs)
    }
    let walk: Buffers.Tile = { buffers, task, _ in
      let (direction, block) = task.quotientAndRemainder(dividingBy: blocks)
      self.walk(buffers, direction, block)
    }
    let product: Buffers.Tile = { buffers, task, _ in
      if task < inputTasks {
        inputProduct?.run(
          task, gradients: values(buffers, gradients),
          packed: UnsafePointer(values(buffers, packedInput)), buffers.output(0))
      } else {
        multiply(buffers, task - inputTasks)
      }
    }
    let spread: Buffers.Tile = { buffers, step, _ in spreadInputGradient(buffers, step) }
    return .compute(scratch: byteCount) { buffers throws(OperatorError) in
      _ = try sizes.longest(lengths(buffers))
      if copiesInput { buffers.parallel(sizes.steps, copy) }
      if given[7] {
        for direction in 0..<sizes.directions { gatherPeepholes(buffers, direction) }
      }
      buffers.parallel(packs + inputPacks, pack)
      buffers.parallel(sizes.directions * blocks, walk)
      buffers.parallel(inputTasks + products.count, product)
      if wanted[0], sizes.batchFirst, inputProduct == nil { buffers.parallel(sizes.steps, spread) }
      for direction in 0..<sizes.directions { addUp(buffers, direction) }
    }
  }

  // MARK: Before the steps

  /// Copies a step of X in the order of time, with 0 past the ends of sequences.
  private func copyInput(_ buffers: Buffers, _ step: Int) {
    let x = buffers.input(0, as: T.self)
    let lengths = lengths(buffers)
    for row in 0..<sizes.batch {
      let place = values(buffers, input) + (step * sizes.batch + row) * sizes.input
      if let lengths, step >= Int(lengths[row]) {
        place.clear(sizes.input)
      } else {
        place.update(from: x + sizes.inputRow(step, row) * sizes.input, count: sizes.input)
      }
    }
  }

  private func gatherPeepholes(_ buffers: Buffers, _ direction: Int) {
    for peephole in 0..<3 {
      let row = values(buffers, peepholes) + (direction * 3 + peephole) * padded
      row.clear(padded)
      row.update(
        from: buffers.input(7, as: T.self) + (direction * 3 + peephole) * sizes.hidden,
        count: sizes.hidden)
    }
  }

  private func pack(_ buffers: Buffers, _ task: Int) {
    let (direction, panel) = task.quotientAndRemainder(dividingBy: layout.panels)
    layout.pack(
      buffers.input(2, as: T.self) + direction * gates * sizes.hidden * sizes.hidden,
      panel: panel, values(buffers, packed) + direction * layout.count)
  }

  private func packInput(_ buffers: Buffers, _ task: Int) {
    guard let inputProduct else { return }
    let (direction, panel) = task.quotientAndRemainder(dividingBy: inputProduct.panels)
    inputProduct.pack(
      buffers.input(1, as: T.self) + direction * gates * sizes.hidden * sizes.input,
      panel: panel, values(buffers, packedInput) + direction * inputProduct.count)
  }

  /// Sets the gradients of some rows' last states, those given or 0.
  private func readStates(
    _ buffers: Buffers, _ index: Int, _ states: Values, _ direction: Int, _ rows: Range<Int>
  ) {
    for row in rows {
      let state = states + row * padded
      state.clear(padded)
      if given[index] {
        state.update(
          from: buffers.input(index, as: T.self)
            + sizes.stateRow(direction, row) * sizes.hidden, count: sizes.hidden)
      }
    }
  }

  // MARK: Steps

  /// Moves some rows of the batch along the sequence, against its direction.
  private func walk(_ buffers: Buffers, _ direction: Int, _ block: Int) {
    let (padded, slots) = (padded, slots)
    let range = RecurrentTiling.rows(block, of: blocks, sizes.batch)
    let reserve = Values(mutating: buffers.input(8, as: T.self))
    let lengths = lengths(buffers)
    let state = sizes.batch * padded
    let hidden = values(buffers, states) + direction * 3 * state
    let cellState = hidden + state
    readStates(buffers, 10, hidden, direction, range)
    readStates(buffers, 11, cellState, direction, range)
    let sums = sums(buffers, direction, block)
    sums.clear((slots + 3) * padded)
    let first = direction * sizes.batch + range.lowerBound
    let indices = (buffers.scratch + rows).assumingMemoryBound(to: Int32.self) + first
    let table = (buffers.scratch + table).assumingMemoryBound(to: ck_row.self) + first
    let gradients = values(buffers, gradients) + direction * sizes.steps * slots * state
    let packed = values(buffers, packed) + direction * layout.count

    for step in (0..<sizes.steps).reversed() {
      let time = reversed[direction] ? sizes.steps - 1 - step : step
      var count = 0
      for row in range {
        if let lengths, time >= Int(lengths[row]) {
          (gradients + (time * sizes.batch + row) * slots * padded).clear(slots * padded)
          continue
        }
        indices[count] = Int32(truncatingIfNeeded: row)
        count += 1
        if given[9] {
          let place = sizes.outputRow(time, direction, row) * sizes.hidden
          (hidden + row * padded).add(buffers.input(9, as: T.self) + place, sizes.hidden)
        }
      }
      cell.backward(
        BackwardStep(
          direction: direction, rows: UnsafeBufferPointer(start: indices, count: count),
          at: self.reserve.memory(reserve, step, direction),
          peepholes: values(buffers, peepholes) + direction * 3 * padded,
          weights: UnsafePointer(packed), layout: layout, backwards: step & 1 == 1,
          slots: slots, gradients: gradients + time * slots * state, hidden: hidden,
          cell: cellState, spare: cellState + state, biasGradients: sums,
          peepholeGradients: sums + slots * padded, table: table))
    }
    for (output, gradient) in [(4, hidden), (5, cellState)] where wanted[output] {
      for row in range {
        (buffers.output(output, as: T.self) + sizes.stateRow(direction, row) * sizes.hidden)
          .update(from: gradient + row * padded, count: sizes.hidden)
      }
    }
  }

  // MARK: After the steps

  /// A task of the products that give the gradients of X, W and R.
  private func multiply(_ buffers: Buffers, _ task: Int) {
    var dX: Values?
    if wanted[0], inputProduct == nil {
      dX = sizes.batchFirst ? values(buffers, inputGradient) : buffers.output(0)
    }
    let x: UnsafePointer<T> =
      copiesInput ? UnsafePointer(values(buffers, input)) : buffers.input(0)
    products.run(
      task, gradients: values(buffers, gradients), x: x, w: buffers.input(1),
      reserve: buffers.input(8), dX: dX, dW: wanted[1] ? buffers.output(1) : nil,
      dR: wanted[2] ? buffers.output(2) : nil)
  }

  /// Copies a step of the gradient of X to where `layout` wants it.
  private func spreadInputGradient(_ buffers: Buffers, _ step: Int) {
    for row in 0..<sizes.batch {
      (buffers.output(0, as: T.self) + sizes.inputRow(step, row) * sizes.input).update(
        from: values(buffers, inputGradient) + (step * sizes.batch + row) * sizes.input,
        count: sizes.input)
    }
  }

  /// The gradients of B and P, from the sums of all blocks.
  private func addUp(_ buffers: Buffers, _ direction: Int) {
    let (gates, slots, hidden, padded) = (gates, slots, sizes.hidden, padded)
    let total = sums(buffers, direction, 0)
    for block in 1..<max(blocks, 1) {
      total.add(sums(buffers, direction, block), (slots + 3) * padded)
    }
    if wanted[3] {
      let B = buffers.output(3, as: T.self) + direction * 2 * gates * hidden
      for gate in 0..<2 * gates {
        let isApart = gate == 2 * gates - 1 && slots > gates
        (B + gate * hidden)
          .update(from: total + (isApart ? gates : gate % gates) * padded, count: hidden)
      }
    }
    if wanted[6] {
      for peephole in 0..<3 {
        (buffers.output(6, as: T.self) + (direction * 3 + peephole) * hidden)
          .update(from: total + (slots + peephole) * padded, count: hidden)
      }
    }
  }
}
