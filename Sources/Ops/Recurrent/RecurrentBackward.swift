import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The backward pass: blocks of rows advance along the sequence against its direction, some steps at a
/// time, and leave the gradients of all sums, from which products over all rows of these steps make
/// the gradients of weights and X.
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
  private let weightSums: WeightSums<T>
  private let inputProduct: PackedInputProduct<T>?
  /// Steps of a chunk, whose gradients are in memory together.
  private let chunk: Int

  // Offsets in the scratch memory.
  private let packed: Int
  private let packedInput: Int
  private let gradients: Int
  private let states: Int
  private let sums: Int
  private let peepholes: Int
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
    chunk = max(1, min(steps, WeightSums<T>.rows / max(batch, 1)))
    var parts = MemoryParts()
    inputProduct =
      wanted[0]
      ? PackedInputProduct(
        shape, sizes, padded: padded, chunk: chunk, threads: call.threads, &parts) : nil
    weightSums = WeightSums(
      shape, sizes, reserve, chunk: chunk, wanted: (wanted[1], wanted[2]), hasLengths: given[4],
      threads: call.threads, &parts)
    packed = parts.reserve(directions, layout.count, bytes: value)
    packedInput = parts.reserve(directions, inputProduct?.count ?? 0, bytes: value)
    gradients = parts.reserve(directions, chunk, batch, shape.slots, padded, bytes: value)
    states = parts.reserve(directions, 3, batch, padded, bytes: value)
    sums = parts.reserve(directions, blocks, shape.slots + 3, padded, bytes: value)
    peepholes = parts.reserve(directions, 3, padded, bytes: value)
    table = parts.reserve(directions, batch, bytes: MemoryLayout<ck_row>.stride)
    rows = parts.reserve(directions, batch, bytes: MemoryLayout<Int32>.stride)
    try parts.check()
    byteCount = parts.byteCount
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

  /// Steps in the order in which directions take them: those of a chunk, counted from the last.
  private func steps(_ index: Int) -> Range<Int> {
    let end = max(sizes.steps - index * chunk, 0)
    return max(end - chunk, 0)..<end
  }
  private var chunks: Int { max((sizes.steps + chunk - 1) / chunk, 1) }
  /// The first step of time of a chunk.
  private func time(_ steps: Range<Int>, _ direction: Int) -> Int {
    reversed[direction] ? sizes.steps - steps.upperBound : steps.lowerBound
  }
  /// The gradients of a direction's chunk, `[chunk, batch, slots, padded]`.
  private func gradients(_ buffers: Buffers, _ direction: Int) -> Values {
    values(buffers, gradients) + direction * chunk * sizes.batch * slots * padded
  }

  var kernel: Kernel {
    let packs = sizes.directions * layout.panels
    let inputPacks = sizes.directions * (inputProduct?.panels ?? 0)
    let pack: Buffers.Tile = { buffers, task, _ in
      task < packs ? self.pack(buffers, task) : packInput(buffers, task - packs)
    }
    let finish: Buffers.Tile = { buffers, task, _ in
      weightSums.finish(task, buffers, dW: output(buffers, 1), dR: output(buffers, 2))
    }
    return .compute(scratch: byteCount) { buffers throws(OperatorError) in
      _ = try sizes.longest(lengths(buffers))
      weightSums.begin(buffers)
      if given[7] {
        for direction in 0..<sizes.directions { gatherPeepholes(buffers, direction) }
      }
      buffers.parallel(packs + inputPacks, pack)
      for index in 0..<chunks { advance(buffers, index) }
      buffers.parallel(weightSums.finishTasks, finish)
      for direction in 0..<sizes.directions { addUp(buffers, direction) }
    }
  }

  private func output(_ buffers: Buffers, _ index: Int) -> Values? {
    wanted[index] ? buffers.output(index) : nil
  }

  /// Moves all rows along a chunk, and multiplies its gradients.
  private func advance(_ buffers: Buffers, _ index: Int) {
    let steps = steps(index)
    let packs = weightSums.packTasks
    let walks = sizes.directions * blocks
    let weights = weightSums.tasks
    let inputs = inputProduct?.tasks(steps: steps.count) ?? 0
    buffers.parallel(walks + packs) { buffers, task, _ in
      if task < walks {
        let (direction, block) = task.quotientAndRemainder(dividingBy: blocks)
        walk(buffers, direction, block, index)
      } else {
        weightSums.pack(
          task - walks, buffers, x: buffers.input(0), reserve: buffers.input(8),
          lengths: lengths(buffers), first: { time(steps, $0) }, steps: steps.count)
      }
    }
    for direction in 0..<max(sizes.directions, 1) {
      // Both directions add to the gradient of X.
      let others = direction == 0 ? weights : 0
      buffers.parallel(others + inputs) { buffers, task, thread in
        if task < others {
          weightSums.multiply(
            task, buffers, thread: thread, gradients: gradients(buffers, 0),
            first: { time(steps, $0) }, steps: steps.count, isFirst: index == 0,
            dW: output(buffers, 1), dR: output(buffers, 2))
        } else if let inputProduct {
          inputProduct.run(
            task - others, buffers, thread: thread, step: time(steps, direction),
            steps: steps.count, gradients: gradients(buffers, direction),
            packed: values(buffers, packedInput) + direction * inputProduct.count
          ) { isFirst(direction, index, $0) }
        }
      }
    }
  }

  /// Whether a direction reaches a step of time before the other one does.
  private func isFirst(_ direction: Int, _ index: Int, _ time: Int) -> Bool {
    guard sizes.directions > 1 else { return true }
    let step = reversed[1 - direction] ? sizes.steps - 1 - time : time
    let other = (sizes.steps - 1 - step) / chunk
    return index < other || (index == other && direction == 0)
  }

  // MARK: Before the steps

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

  /// Moves some rows of the batch along a chunk of the sequence, against its direction.
  private func walk(_ buffers: Buffers, _ direction: Int, _ block: Int, _ index: Int) {
    let (padded, slots) = (padded, slots)
    let range = RecurrentTiling.rows(block, of: blocks, sizes.batch)
    let reserve = Values(mutating: buffers.input(8, as: T.self))
    let lengths = lengths(buffers)
    let state = sizes.batch * padded
    let hidden = values(buffers, states) + direction * 3 * state
    let cellState = hidden + state
    let sums = sums(buffers, direction, block)
    if index == 0 {
      readStates(buffers, 10, hidden, direction, range)
      readStates(buffers, 11, cellState, direction, range)
      sums.clear((slots + 3) * padded)
    }
    let first = direction * sizes.batch + range.lowerBound
    let indices = (buffers.scratch + rows).assumingMemoryBound(to: Int32.self) + first
    let table = (buffers.scratch + table).assumingMemoryBound(to: ck_row.self) + first
    let gradients = gradients(buffers, direction)
    let steps = steps(index)
    let start = self.time(steps, direction)
    let packed = values(buffers, packed) + direction * layout.count

    for step in steps.reversed() where !Deadline.isPassed {
      let time = reversed[direction] ? sizes.steps - 1 - step : step
      var count = 0
      for row in range {
        if let lengths, time >= Int(lengths[row]) {
          (gradients + ((time - start) * sizes.batch + row) * slots * padded).clear(slots * padded)
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
          slots: slots, gradients: gradients + (time - start) * slots * state, hidden: hidden,
          cell: cellState, spare: cellState + state, biasGradients: sums,
          peepholeGradients: sums + slots * padded, table: table))
    }
    guard index == chunks - 1 else { return }
    for (output, gradient) in [(4, hidden), (5, cellState)] where wanted[output] {
      for row in range {
        (buffers.output(output, as: T.self) + sizes.stateRow(direction, row) * sizes.hidden)
          .update(from: gradient + row * padded, count: sizes.hidden)
      }
    }
  }

  // MARK: After the steps

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
