import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// One run of a recurrent layer: the addresses of its tensors and of its scratch memory.
struct RecurrentRun<E: RealElement, C: RecurrentCell> where C.Value == E.Compute {
  typealias T = C.Value
  typealias Values = UnsafeMutablePointer<T>

  let layer: RecurrentLayer<E, C>
  let buffers: Buffers
  /// Steps of the longest sequence.
  let steps: Int

  private let x: UnsafePointer<T>
  private let lengths: UnsafePointer<Int32>?
  private let parameters: UnsafePointer<T>

  private var sizes: RecurrentSizes { layer.sizes }
  private var padded: Int { layer.layout.input.padded }

  /// - Parameter steps: `nil` for what `begin` has noted in the scratch memory
  init(_ layer: RecurrentLayer<E, C>, _ buffers: Buffers, steps: Int? = nil) {
    let memory = layer.memory
    self.layer = layer
    self.buffers = buffers
    self.steps = steps ?? buffers.scratch.load(as: Int.self)
    lengths = layer.given[4] ? buffers.input(4) : nil
    if E.self == T.self {
      x = buffers.input(0)
    } else {
      x = UnsafePointer((buffers.scratch + memory.input).assumingMemoryBound(to: T.self))
    }
    parameters =
      layer.packed?.values
      ?? UnsafePointer((buffers.scratch + memory.parameters).assumingMemoryBound(to: T.self))
  }

  private func values(_ offset: Int) -> Values {
    (buffers.scratch + offset).assumingMemoryBound(to: T.self)
  }

  var team: StepTeam {
    StepTeam(
      buffers.scratch + layer.memory.team, tiles: layer.tiling.count,
      canSpin: buffers.pool.canSpin)
  }

  /// The state after `step` steps, `[batch, padded]`: two take turns.
  private func hidden(_ step: Int, _ direction: Int) -> Values {
    values(layer.memory.hidden) + (step & 1 * sizes.directions + direction) * sizes.batch * padded
  }
  private func cell(_ direction: Int) -> Values {
    values(layer.memory.cell) + direction * sizes.batch * padded
  }
  private func extra(_ direction: Int) -> Values {
    values(layer.memory.extra) + direction * sizes.batch * padded
  }
  /// The sums of a step, `[batch, gates, padded]`.
  private func sums(_ step: Int, _ direction: Int) -> Values {
    let place = direction * layer.memory.ahead + step % layer.memory.ahead
    return values(layer.memory.sums) + place * sizes.batch * layer.layout.gates * padded
  }

  private func length(_ row: Int) -> Int { lengths.map { Int($0[row]) } ?? steps }

  /// The step of X that a direction comes to. A sequence that ends before it has not begun yet in
  /// reverse: its state is still the initial one.
  private func time(_ step: Int, _ direction: Int) -> Int {
    layer.reversed[direction] ? steps - 1 - step : step
  }

  // MARK: Before and after

  /// Sets initial states, and to 0 what lies in Y past the ends of sequences.
  func begin() {
    buffers.scratch.storeBytes(of: steps, as: Int.self)
    team.reset()
    if E.self != T.self {
      E.load(
        buffers.input(0, as: E.self), values(layer.memory.input),
        sizes.steps * sizes.batch * sizes.input)
    }
    for direction in 0..<sizes.directions {
      for row in 0..<sizes.batch {
        start(5, hidden(0, direction), direction, row)
        (hidden(1, direction) + row * padded)
          .update(from: hidden(0, direction) + row * padded, count: padded)
        if layer.cell.hasCellState { start(6, cell(direction), direction, row) }
        guard layer.wanted[0] else { continue }
        for step in length(row)..<max(sizes.steps, length(row)) {
          let place = sizes.outputRow(step, direction, row) * sizes.hidden
          (buffers.output(0, as: E.self) + place)
            .update(repeating: E.zero, count: sizes.hidden)
        }
      }
    }
  }

  private func start(_ input: Int, _ state: Values, _ direction: Int, _ row: Int) {
    let state = state + row * padded
    state.update(repeating: 0, count: padded)
    if layer.given[input] {
      let place = sizes.stateRow(direction, row) * sizes.hidden
      E.load(buffers.input(input, as: E.self) + place, state, sizes.hidden)
    }
  }

  /// Writes the last states.
  func finish() {
    for direction in 0..<sizes.directions {
      for row in 0..<sizes.batch {
        let place = sizes.stateRow(direction, row) * sizes.hidden
        if layer.wanted[1] {
          let last = layer.reversed[direction] ? steps : length(row)
          E.store(
            hidden(last, direction) + row * padded, buffers.output(1, as: E.self) + place,
            sizes.hidden)
        }
        if layer.wanted[2] {
          E.store(
            cell(direction) + row * padded, buffers.output(2, as: E.self) + place, sizes.hidden)
        }
      }
    }
  }

  // MARK: Steps

  /// All phases of a direction that is one tile.
  func walk(direction: Int) {
    for phase in 0..<steps * layer.cell.phases { advance(phase, tile: direction) }
  }

  /// One phase of a tile.
  func advance(_ phase: Int, tile: Int) {
    let direction = tile / layer.tiling.perDirection
    let units = layer.tiling.units(tile)
    let (step, part) = phase.quotientAndRemainder(dividingBy: layer.cell.phases)
    if phase == 0, layer.packed == nil { pack(direction, units) }
    if part == 0, step % layer.memory.ahead == 0 { project(step, direction, units, tile) }

    let time = time(step, direction)
    let gates = Gates(
      direction: direction, units: units, rows: rows(time, tile), padded: padded,
      sums: sums(step, direction), gateCount: layer.layout.gates,
      previous: hidden(step, direction), next: hidden(step + 1, direction),
      cell: cell(direction), extra: extra(direction), parameters: parameters(direction),
      backwards: step & 1 == 1, table: table(tile))
    layer.cell.advance(gates, phase: part)

    if part == layer.cell.phases - 1, layer.wanted[0] {
      let count = min(units.upperBound, sizes.hidden) - units.lowerBound
      let y = buffers.output(0, as: E.self) + units.lowerBound
      for row in gates.rows {
        let place = sizes.outputRow(time, direction, Int(row)) * sizes.hidden
        E.store(gates.part(gates.next, row), y + place, count)
      }
    }
  }

  private func parameters(_ direction: Int) -> RecurrentParameters<T> {
    RecurrentParameters(
      layout: layer.layout, values: parameters + direction * layer.layout.count)
  }

  private func pack(_ direction: Int, _ units: Range<Int>) {
    let source = ParameterSource<E> { layer.given[$0] ? buffers.input($0) : nil }
    if let source {
      layer.layout.pack(
        source, direction: direction, units,
        UnsafeMutablePointer(mutating: parameters + direction * layer.layout.count))
    }
  }

  private func table(_ tile: Int) -> UnsafeMutablePointer<ck_row> {
    (buffers.scratch + layer.memory.table).assumingMemoryBound(to: ck_row.self)
      + tile * layer.memory.tableCount
  }

  /// The rows of the batch whose sequences have that step.
  private func rows(_ time: Int, _ tile: Int) -> UnsafeBufferPointer<Int32> {
    let rows =
      (buffers.scratch + layer.memory.rows).assumingMemoryBound(to: Int32.self)
      + tile * sizes.batch
    var count = 0
    for row in 0..<sizes.batch where time < length(row) {
      rows[count] = Int32(truncatingIfNeeded: row)
      count += 1
    }
    return UnsafeBufferPointer(start: rows, count: count)
  }

  /// The input's part of the sums, `Xt · Wᵀ` and the biases, for `step` and some that follow.
  private func project(_ step: Int, _ direction: Int, _ units: Range<Int>, _ tile: Int) {
    let parameters = parameters(direction)
    let layout = layer.layout.input
    let table = table(tile)
    var count = 0
    for step in step..<min(step + layer.memory.ahead, steps) {
      let time = time(step, direction)
      let sums = sums(step, direction) + units.lowerBound
      for row in 0..<sizes.batch where time < length(row) {
        let target = sums + row * layout.gates * padded
        for gate in 0..<layout.gates {
          (target + gate * padded).update(
            from: parameters.bias + gate * padded + units.lowerBound, count: units.count)
        }
        table[count] = ck_row(x: x + sizes.inputRow(time, row) * sizes.input, y: target)
        count += 1
      }
    }
    T.multiply(
      parameters.input + layout.offset(units.lowerBound), depth: layout.depth,
      units: units.count, gates: layout.gates, stride: padded,
      UnsafeBufferPointer(start: table, count: count), backwards: false)
  }
}
