import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The backward pass: blocks of rows go along the sequence against its direction and leave the
/// gradients of all sums; what they mean for weights and X is one product each over all steps.
struct TrainingBackward<C: TrainingCell>: Sendable {
  typealias T = C.Value
  typealias Values = UnsafeMutablePointer<T>

  private let layer: TrainingLayer<C>
  private let given: [Bool]
  private let wanted: [Bool]
  private let products: TrainingProducts<C>
  /// For the gradient of X, where its rows are whole vectors.
  private let inputProducts: InputProducts<C>?
  private let copiesInput: Bool

  // Places in the scratch memory.
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

  init(_ layer: TrainingLayer<C>, _ call: Preparation) throws(OperatorError) {
    self.layer = layer
    given = (0..<12).map(call.inputs.has)
    wanted = (0..<7).map(call.wants)
    let (sizes, padded, value) = (layer.sizes, layer.padded, MemoryLayout<T>.stride)
    let (directions, steps, batch) = (sizes.directions, sizes.steps, sizes.batch)
    // Past the end of a sequence X may hold anything, which 0 times would not remove.
    copiesInput = wanted[1] && (sizes.batchFirst || given[4])
    var parts = MemoryParts()
    input = copiesInput ? parts.reserve(steps, batch, sizes.input, bytes: value) : 0
    packed = parts.reserve(directions, layer.packing.backwardCount, bytes: value)
    let inputProducts = InputProducts(layer)
    self.inputProducts = wanted[0] && inputProducts.canAddUp ? inputProducts : nil
    packedInput =
      self.inputProducts == nil
      ? 0 : parts.reserve(directions, inputProducts.backwardCount, bytes: value)
    gradients = parts.reserve(directions, steps, batch, layer.slots, padded, bytes: value)
    states = parts.reserve(directions, 3, batch, padded, bytes: value)
    sums = parts.reserve(directions, layer.blocks, layer.slots + 3, padded, bytes: value)
    peepholes = parts.reserve(directions, 3, padded, bytes: value)
    inputGradient =
      wanted[0] && sizes.batchFirst && self.inputProducts == nil
      ? parts.reserve(steps, batch, sizes.input, bytes: value) : 0
    table = parts.reserve(directions, batch, bytes: MemoryLayout<ck_row>.stride)
    rows = parts.reserve(directions, batch, bytes: MemoryLayout<Int32>.stride)
    try parts.check()
    byteCount = parts.byteCount
    var others = wanted
    if self.inputProducts != nil { others[0] = false }
    products = try TrainingProducts(layer, wanted: others)
  }

  private func values(_ buffers: Buffers, _ offset: Int) -> Values {
    (buffers.scratch + offset).assumingMemoryBound(to: T.self)
  }
  private func reserve(_ buffers: Buffers) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(mutating: buffers.input(8, as: T.self))
  }
  private func lengths(_ buffers: Buffers) -> UnsafePointer<Int32>? {
    given[4] ? buffers.input(4) : nil
  }
  /// Sums of a block's gradients, `[slots + 3, padded]`.
  private func sums(_ buffers: Buffers, _ direction: Int, _ block: Int) -> Values {
    values(buffers, sums)
      + (direction * layer.blocks + block) * (layer.slots + 3) * layer.padded
  }

  var kernel: Kernel {
    let (sizes, panels) = (layer.sizes, layer.packing.panels)
    let copy: Buffers.Tile = { buffers, step, _ in
      layer.copyInput(
        buffers.input(0), values(buffers, input), lengths: lengths(buffers), step: step)
    }
    let packs = sizes.directions * panels
    let inputPanels = inputProducts?.backwardPanels ?? 0
    let pack: Buffers.Tile = { buffers, task, _ in
      if task >= packs {
        let (direction, panel) = (task - packs).quotientAndRemainder(dividingBy: inputPanels)
        if let inputProducts {
          inputProducts.packBackward(
            buffers.input(1, as: T.self) + direction * layer.gates * sizes.hidden * sizes.input,
            panel: panel,
            values(buffers, packedInput) + direction * inputProducts.backwardCount)
        }
        return
      }
      let (direction, panel) = task.quotientAndRemainder(dividingBy: panels)
      layer.packing.packBackward(
        buffers.input(2, as: T.self) + direction * layer.gates * sizes.hidden * sizes.hidden,
        panel: panel, values(buffers, packed) + direction * layer.packing.backwardCount)
    }
    let walk: Buffers.Tile = { buffers, task, _ in
      let (direction, block) = task.quotientAndRemainder(dividingBy: layer.blocks)
      self.walk(buffers, direction, block)
    }
    let sums = inputProducts?.sums ?? 0
    let product: Buffers.Tile = { buffers, task, _ in
      if task < sums {
        inputProducts?.addUp(
          task, gradients: values(buffers, gradients),
          packed: UnsafePointer(values(buffers, packedInput)), buffers.output(0))
        return
      }
      products.run(
        task - sums, gradients: values(buffers, gradients),
        x: copiesInput ? UnsafePointer(values(buffers, input)) : buffers.input(0),
        w: buffers.input(1), reserve: UnsafePointer(buffers.input(8, as: T.self)),
        dX: wanted[0] && sums == 0
          ? sizes.batchFirst ? values(buffers, inputGradient) : buffers.output(0) : nil,
        dW: wanted[1] ? buffers.output(1) : nil, dR: wanted[2] ? buffers.output(2) : nil)
    }
    let spread: Buffers.Tile = { buffers, step, _ in
      for row in 0..<sizes.batch {
        let place = buffers.output(0, as: T.self) + sizes.inputRow(step, row) * sizes.input
        place.update(
          from: values(buffers, inputGradient) + (step * sizes.batch + row) * sizes.input,
          count: sizes.input)
      }
    }
    return .compute(scratch: byteCount) { buffers throws(OperatorError) in
      try layer.check(lengths: lengths(buffers))
      if copiesInput { buffers.parallel(sizes.steps, copy) }
      if given[7] {
        for direction in 0..<sizes.directions { gatherPeepholes(buffers, direction) }
      }
      buffers.parallel(packs + sizes.directions * inputPanels, pack)
      buffers.parallel(sizes.directions * layer.blocks, walk)
      buffers.parallel(sums + products.count, product)
      if wanted[0], sizes.batchFirst, inputProducts == nil { buffers.parallel(sizes.steps, spread) }
      for direction in 0..<sizes.directions { addUp(buffers, direction) }
    }
  }

  private func gatherPeepholes(_ buffers: Buffers, _ direction: Int) {
    let (hidden, padded) = (layer.sizes.hidden, layer.padded)
    for peephole in 0..<3 {
      let row = values(buffers, peepholes) + (direction * 3 + peephole) * padded
      row.clear(padded)
      row.update(
        from: buffers.input(7, as: T.self) + (direction * 3 + peephole) * hidden, count: hidden)
    }
  }

  /// Takes some rows of the batch along the sequence, against its direction.
  private func walk(_ buffers: Buffers, _ direction: Int, _ block: Int) {
    let (sizes, padded, slots) = (layer.sizes, layer.padded, layer.slots)
    let range = layer.rows(block)
    let reserve = self.reserve(buffers) + direction * layer.reserveSize
    func part(_ offset: Int) -> Values { (reserve + offset).assumingMemoryBound(to: T.self) }
    let lengths = lengths(buffers)
    let state = sizes.batch * padded
    let hidden = values(buffers, states) + direction * 3 * state
    let cell = hidden + state
    layer.readStates(
      given[10] ? buffers.input(10, as: T.self) : nil, hidden, direction, range)
    layer.readStates(given[11] ? buffers.input(11, as: T.self) : nil, cell, direction, range)
    let sums = sums(buffers, direction, block)
    sums.clear((slots + 3) * padded)
    let indices =
      (buffers.scratch + rows).assumingMemoryBound(to: Int32.self) + direction * sizes.batch
      + range.lowerBound
    let table =
      (buffers.scratch + table).assumingMemoryBound(to: ck_row.self) + direction * sizes.batch
      + range.lowerBound
    let gradients = values(buffers, gradients) + direction * sizes.steps * slots * state
    let packed = values(buffers, packed) + direction * layer.packing.backwardCount
    let peepholes = values(buffers, peepholes) + direction * 3 * padded

    for index in (0..<sizes.steps).reversed() {
      let time = layer.time(index, direction)
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
      let before = layer.before(time, direction) * state
      let after = layer.after(time, direction) * state
      layer.cell.backward(
        TrainingStep<T>(
          direction: direction, rows: UnsafeBufferPointer(start: indices, count: count),
          padded: padded, gateCount: layer.gates,
          gates: part(layer.gatesAt) + time * layer.gates * state,
          sums: part(layer.sumsAt) + time * layer.gates * state,
          previous: part(layer.hiddenAt) + before, next: part(layer.hiddenAt) + after,
          previousCell: part(layer.cellAt) + before, nextCell: part(layer.cellAt) + after,
          extra: part(layer.extraAt) + (layer.cell.hasExtraRows ? time * state : 0),
          bias: peepholes, peepholes: peepholes, weights: UnsafePointer(packed),
          packing: layer.packing, takesEndsFirst: index % 2 == 1, slotCount: slots,
          gradients: gradients + time * slots * state, hidden: hidden, cell: cell,
          spare: cell + state, biasGradients: sums, peepholeGradients: sums + slots * padded,
          table: table))
    }
    if wanted[4] { layer.write(hidden, to: buffers.output(4, as: T.self), direction, range) }
    if wanted[5] { layer.write(cell, to: buffers.output(5, as: T.self), direction, range) }
  }

  /// The gradients of B and P, from the sums of all blocks.
  private func addUp(_ buffers: Buffers, _ direction: Int) {
    let (gates, slots, hidden, padded) = (
      layer.gates, layer.slots, layer.sizes.hidden, layer.padded
    )
    let total = sums(buffers, direction, 0)
    for block in 1..<max(layer.blocks, 1) {
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

extension TrainingCell {
  /// The kernel of a layer's backward pass with this cell.
  func gradientKernel(
    _ call: Preparation, _ attributes: RecurrentAttributes
  ) throws(OperatorError) -> Kernel {
    let shape = try RecurrentShape(call.inputs.ofLayer, attributes, gates: gates)
    return try TrainingBackward(TrainingLayer(self, shape, attributes), call).kernel
  }
}
