import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The forward pass: the input's part of all sums is one product, then blocks of rows go along the
/// sequence, each by itself.
struct TrainingForward<C: TrainingCell>: Sendable {
  typealias T = C.Value
  typealias Values = UnsafeMutablePointer<T>

  let layer: TrainingLayer<C>
  private let given: [Bool]
  private let wanted: [Bool]
  private let reserveOutput: Int
  private let products: InputProducts<C>

  // Places in the scratch memory.
  private let packed: Int
  private let packedInput: Int
  private let biases: Int
  private let table: Int
  private let rows: Int
  private let reserve: Int
  private let byteCount: Int

  init(
    _ layer: TrainingLayer<C>, _ call: Preparation, reserve output: Int
  ) throws(OperatorError) {
    self.layer = layer
    given = (0..<8).map(call.inputs.has)
    wanted = (0...output).map(call.wants)
    reserveOutput = output
    products = InputProducts(layer)
    let (sizes, padded, gates) = (layer.sizes, layer.padded, layer.gates)
    let value = MemoryLayout<T>.stride
    var parts = MemoryParts()
    packed = parts.reserve(sizes.directions, layer.packing.forwardCount, bytes: value)
    packedInput = parts.reserve(sizes.directions, products.forwardCount, bytes: value)
    biases = parts.reserve(sizes.directions, gates + 4, padded, bytes: value)
    table = parts.reserve(sizes.directions, sizes.batch, bytes: MemoryLayout<ck_row>.stride)
    rows = parts.reserve(sizes.directions, sizes.batch, bytes: MemoryLayout<Int32>.stride)
    reserve = wanted[output] ? 0 : parts.reserve(sizes.directions, layer.reserveSize, bytes: 1)
    try parts.check()
    byteCount = parts.byteCount
  }

  var kernel: Kernel {
    let panels = layer.packing.panels
    let pack: Buffers.Tile = { buffers, task, _ in
      let (direction, panel) = task.quotientAndRemainder(dividingBy: panels)
      let rows = layer.gates * layer.sizes.hidden
      layer.packing.packForward(
        buffers.input(2, as: T.self) + direction * rows * layer.sizes.hidden, panel: panel,
        values(buffers, packed) + direction * layer.packing.forwardCount)
      products.packForward(
        buffers.input(1, as: T.self) + direction * rows * layer.sizes.input, panel: panel,
        values(buffers, packedInput) + direction * products.forwardCount)
    }
    let project: Buffers.Tile = { buffers, task, _ in
      products.project(
        task, buffers.input(0), packed: UnsafePointer(values(buffers, packedInput))
      ) { direction in
        (reserve(buffers) + direction * layer.reserveSize + layer.gatesAt)
          .assumingMemoryBound(to: T.self)
      }
    }
    let walk: Buffers.Tile = { buffers, task, _ in
      let (direction, block) = task.quotientAndRemainder(dividingBy: layer.blocks)
      self.walk(buffers, direction, layer.rows(block))
    }
    return .compute(scratch: byteCount) { buffers throws(OperatorError) in
      try layer.check(lengths: lengths(buffers))
      for direction in 0..<layer.sizes.directions { gatherBiases(buffers, direction) }
      buffers.parallel(layer.sizes.directions * panels, pack)
      buffers.parallel(products.projections, project)
      buffers.parallel(layer.sizes.directions * layer.blocks, walk)
    }
  }

  private func values(_ buffers: Buffers, _ offset: Int) -> Values {
    (buffers.scratch + offset).assumingMemoryBound(to: T.self)
  }
  private func reserve(_ buffers: Buffers) -> UnsafeMutableRawPointer {
    wanted[reserveOutput]
      ? UnsafeMutableRawPointer(buffers.output(reserveOutput, as: T.self))
      : buffers.scratch + reserve
  }
  private func lengths(_ buffers: Buffers) -> UnsafePointer<Int32>? {
    given[4] ? buffers.input(4) : nil
  }
  private func bias(_ buffers: Buffers, _ direction: Int) -> Values {
    values(buffers, biases) + direction * (layer.gates + 4) * layer.padded
  }

  /// Biases and peepholes, filled up.
  private func gatherBiases(_ buffers: Buffers, _ direction: Int) {
    let (gates, hidden, padded) = (layer.gates, layer.sizes.hidden, layer.padded)
    let target = bias(buffers, direction)
    target.clear((gates + 4) * padded)
    if given[3] {
      let b = buffers.input(3, as: T.self) + direction * 2 * gates * hidden
      for gate in 0..<2 * gates {
        // The recurrent bias of the last gate stands apart where its gradient does.
        let isApart = gate == 2 * gates - 1 && layer.slots > gates
        let row = target + (isApart ? gates : gate % gates) * padded
        row.add(b + gate * hidden, hidden)
      }
    }
    if given[7] {
      for peephole in 0..<3 {
        (target + (gates + 1 + peephole) * padded).update(
          from: buffers.input(7, as: T.self) + (direction * 3 + peephole) * hidden,
          count: hidden)
      }
    }
  }

  /// Takes some rows of the batch along the sequence.
  private func walk(_ buffers: Buffers, _ direction: Int, _ block: Range<Int>) {
    let (sizes, padded, hidden) = (layer.sizes, layer.padded, layer.sizes.hidden)
    let reserve = self.reserve(buffers) + direction * layer.reserveSize
    func part(_ offset: Int) -> Values { (reserve + offset).assumingMemoryBound(to: T.self) }
    let lengths = lengths(buffers)
    let state = sizes.batch * padded
    let begin = layer.reversed[direction] ? sizes.steps : 0
    layer.readStates(
      given[5] ? buffers.input(5, as: T.self) : nil, part(layer.hiddenAt) + begin * state,
      direction, block)
    if layer.cell.hasCellState {
      layer.readStates(
        given[6] ? buffers.input(6, as: T.self) : nil, part(layer.cellAt) + begin * state,
        direction, block)
    }
    let indices =
      (buffers.scratch + rows).assumingMemoryBound(to: Int32.self) + direction * sizes.batch
      + block.lowerBound
    let table =
      (buffers.scratch + table).assumingMemoryBound(to: ck_row.self) + direction * sizes.batch
      + block.lowerBound
    let bias = bias(buffers, direction)
    let packed = values(buffers, packed) + direction * layer.packing.forwardCount

    for index in 0..<sizes.steps {
      let time = layer.time(index, direction)
      var count = 0
      for row in block where lengths.map({ time < Int($0[row]) }) ?? true {
        indices[count] = Int32(truncatingIfNeeded: row)
        count += 1
      }
      let before = layer.before(time, direction) * state
      let after = layer.after(time, direction) * state
      let step = TrainingStep<T>(
        direction: direction, rows: UnsafeBufferPointer(start: indices, count: count),
        padded: padded, gateCount: layer.gates,
        gates: part(layer.gatesAt) + time * layer.gates * state,
        sums: part(layer.sumsAt) + time * layer.gates * state,
        previous: part(layer.hiddenAt) + before, next: part(layer.hiddenAt) + after,
        previousCell: part(layer.cellAt) + before, nextCell: part(layer.cellAt) + after,
        extra: part(layer.extraAt) + (layer.cell.hasExtraRows ? time * state : 0),
        bias: bias, peepholes: bias + (layer.gates + 1) * padded,
        weights: UnsafePointer(packed), packing: layer.packing, takesEndsFirst: index % 2 == 1,
        slotCount: layer.slots,
        gradients: bias, hidden: bias, cell: bias, spare: bias, biasGradients: bias,
        peepholeGradients: bias, table: table)
      if padded > hidden {
        for row in step.rows {
          for gate in 0..<layer.gates {
            (step.gates(row) + gate * padded + hidden).clear(padded - hidden)
          }
        }
      }
      layer.cell.forward(step)
      if count < block.count, let lengths {
        for row in block where time >= Int(lengths[row]) { pass(step, Int32(row)) }
      }
      guard wanted[0] else { continue }
      for row in block {
        let place =
          buffers.output(0, as: T.self) + sizes.outputRow(time, direction, row) * hidden
        if let lengths, time >= Int(lengths[row]) {
          place.clear(hidden)
        } else {
          place.update(from: step.next + row * padded, count: hidden)
        }
      }
    }
    let end = (layer.reversed[direction] ? 0 : sizes.steps) * state
    if wanted[1] {
      layer.write(
        part(layer.hiddenAt) + end, to: buffers.output(1, as: T.self), direction, block)
    }
    if layer.cell.hasCellState, wanted[2] {
      layer.write(part(layer.cellAt) + end, to: buffers.output(2, as: T.self), direction, block)
    }
  }

  /// Carries the states of a row over a step that its sequence does not have.
  private func pass(_ step: TrainingStep<T>, _ row: Int32) {
    step.part(step.next, row).update(from: step.part(step.previous, row), count: layer.padded)
    if layer.cell.hasCellState {
      step.part(step.nextCell, row)
        .update(from: step.part(step.previousCell, row), count: layer.padded)
    }
    if layer.cell.hasExtraRows { step.part(step.extra, row).clear(layer.padded) }
  }
}

extension TrainingCell {
  /// The kernel of a layer's forward pass with this cell.
  func trainingKernel(
    _ call: Preparation, _ attributes: RecurrentAttributes
  ) throws(OperatorError) -> Kernel {
    let shape = try RecurrentShape(call.inputs, attributes, gates: gates)
    return try TrainingForward(
      TrainingLayer(self, shape, attributes), call, reserve: hasCellState ? 3 : 2
    ).kernel
  }
}
