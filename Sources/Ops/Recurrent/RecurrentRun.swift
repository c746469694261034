import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// One run of a recurrent layer: the addresses of its tensors and of its scratch memory.
struct RecurrentRun<T: GateValue> {
  typealias Values = UnsafeMutablePointer<T>

  let layer: RecurrentLayer<T>
  let buffers: Buffers
  /// Steps of the longest sequence; in training, of X.
  let steps: Int

  /// X in the type of the computation.
  let x: UnsafePointer<T>
  private let lengths: UnsafePointer<Int32>?
  private let parameters: UnsafePointer<T>
  /// In training, where the gates and states of every step stay.
  let reserve: (memory: Values, layout: RecurrentReserve)?

  var sizes: RecurrentSizes { layer.sizes }
  var padded: Int { layer.layout.padded }

  /// - Parameter steps: `nil` for the number that `begin` has stored in the scratch memory
  init(_ layer: RecurrentLayer<T>, _ buffers: Buffers, steps: Int? = nil) {
    let memory = layer.memory
    func scratch(_ offset: Int) -> Values {
      (buffers.scratch + offset).assumingMemoryBound(to: T.self)
    }
    self.layer = layer
    self.buffers = buffers
    self.steps = steps ?? buffers.scratch.load(as: Int.self)
    lengths = layer.given[4] ? buffers.input(4) : nil
    x =
      layer.elements.areConverted
      ? UnsafePointer(scratch(memory.input)) : buffers.input(0)
    parameters = layer.packed?.values ?? UnsafePointer(scratch(memory.parameters))
    reserve = layer.reserve.map {
      (layer.reserveOutput.map { buffers.output($0) } ?? scratch(memory.reserve), $0)
    }
  }

  private func values(_ offset: Int) -> Values {
    (buffers.scratch + offset).assumingMemoryBound(to: T.self)
  }
  func integers(_ offset: Int) -> UnsafeMutablePointer<Int32> {
    (buffers.scratch + offset).assumingMemoryBound(to: Int32.self)
  }
  private func input(_ index: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(buffers.input(index, as: UInt8.self))
  }
  private func output(_ index: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(buffers.output(index, as: UInt8.self))
  }

  private var team: StepTeam {
    StepTeam(
      buffers.scratch + layer.memory.team, tiles: layer.tiling.count,
      canSpin: buffers.pool.canSpin)
  }

  /// The steps of a sequence.
  func length(_ row: Int) -> Int { lengths.map { Int($0[row]) } ?? steps }

  /// The step of X that a direction reaches. In reverse, a sequence that ends before it has not
  /// begun yet: its state is still the initial one.
  func time(_ step: Int, _ direction: Int) -> Int {
    layer.reversed[direction] ? steps - 1 - step : step
  }

  /// The gates and states of a step: in the reserve, or where two hidden states take turns, the
  /// cell state is updated in place, and sums are kept for the steps computed ahead.
  func memory(_ step: Int, _ direction: Int, firstUnit: Int = 0) -> StepMemory<T> {
    if let reserve {
      return reserve.layout.memory(reserve.memory, step, direction, firstUnit: firstUnit)
    }
    let (places, directions) = (layer.memory, sizes.directions)
    let state = sizes.batch * padded
    let gates = direction * places.ahead + step % places.ahead
    let hidden = values(places.hidden)
    let cell = values(places.cell) + direction * state
    return StepMemory(
      padded: padded, gateCount: layer.layout.gates, firstUnit: firstUnit,
      gates: values(places.gates) + gates * layer.layout.gates * state, arguments: nil,
      previous: hidden + (step & 1 * directions + direction) * state,
      next: hidden + ((step + 1) & 1 * directions + direction) * state,
      previousCell: cell, nextCell: cell,
      extra: values(places.extra) + direction * state)
  }

  // MARK: Before and after

  /// Sets initial states, and the elements of Y past the ends of sequences to 0.
  func begin() {
    buffers.scratch.storeBytes(of: steps, as: Int.self)
    team.reset()
    if layer.elements.areConverted {
      layer.elements.load(
        input(0), 0, values(layer.memory.input), sizes.steps * sizes.batch * sizes.input)
    }
    if let ones = layer.memory.ones {
      OneHotRows.find(
        x, rows: sizes.steps * sizes.batch, width: sizes.input, integers(ones))
    }
    for direction in 0..<sizes.directions {
      let at = memory(0, direction)
      for row in 0..<sizes.batch {
        start(5, at.previous, direction, row)
        if reserve == nil {
          (at.next + row * padded).update(from: at.previous + row * padded, count: padded)
        }
        if layer.cell.shape.hasCellState { start(6, at.previousCell, direction, row) }
        guard layer.wanted[0] else { continue }
        for step in length(row)..<max(sizes.steps, length(row)) {
          layer.elements.clear(
            output(0), sizes.outputRow(step, direction, row) * sizes.hidden, sizes.hidden)
        }
      }
    }
  }

  private func start(_ index: Int, _ states: Values, _ direction: Int, _ row: Int) {
    let state = states + row * padded
    state.clear(padded)
    if layer.given[index] {
      layer.elements.load(
        input(index), sizes.stateRow(direction, row) * sizes.hidden, state, sizes.hidden)
    }
  }

  /// Writes the last states.
  func finish() {
    for direction in 0..<sizes.directions {
      for row in 0..<sizes.batch {
        let isAtEnd = reserve != nil || layer.reversed[direction]
        let at = memory(isAtEnd ? steps : length(row), direction)
        let place = sizes.stateRow(direction, row) * sizes.hidden
        if layer.wanted[1] {
          layer.elements.store(at.previous + row * padded, output(1), place, sizes.hidden)
        }
        if layer.wanted[2] {
          layer.elements.store(at.previousCell + row * padded, output(2), place, sizes.hidden)
        }
      }
    }
  }

  /// Packs a panel of the parameters of a direction.
  func pack(_ task: Int) {
    let layout = layer.layout
    let (direction, panel) = task.quotientAndRemainder(dividingBy: layout.input.panels)
    let source = ParameterTensors { layer.given[$0] ? input($0) : nil }
    if let source {
      layer.elements.pack(
        layout, source, direction, layout.input.units(panel),
        values(layer.memory.parameters) + direction * layout.count)
    }
  }

  // MARK: Steps

  /// Advances tiles of units together with other threads.
  func takePart() {
    team.run(steps * layer.cell.shape.phases) { phase, tile in advance(phase, layer.tiling[tile]) }
  }

  /// Advances a tile that needs no other from the first step to the last.
  func walk(tile index: Int) {
    let tile = layer.tiling[index]
    for phase in 0..<steps * layer.cell.shape.phases { advance(phase, tile) }
  }

  /// Computes one phase of a step of a tile.
  private func advance(_ phase: Int, _ tile: RecurrentTiling.Tile) {
    if Deadline.isPassed { return }
    let direction = tile.direction
    let (step, part) = phase.quotientAndRemainder(dividingBy: layer.cell.shape.phases)
    if part == 0 { project(step, tile) }

    let time = time(step, direction)
    let at = memory(step, direction, firstUnit: tile.units.lowerBound)
    let rows = rows(time, tile)
    layer.cell.forward(
      RecurrentStep(
        direction: direction, units: tile.units, rows: rows, at: at,
        parameters: parameters(direction), keepsGates: reserve != nil,
        backwards: step & 1 == 1, table: table(tile)), part)

    guard part == layer.cell.shape.phases - 1 else { return }
    if reserve != nil { carryStates(time, tile, at) }
    if layer.wanted[0] {
      let count = min(tile.units.upperBound, sizes.hidden) - tile.units.lowerBound
      for row in rows {
        let place = sizes.outputRow(time, direction, Int(row)) * sizes.hidden
        layer.elements.store(at.next(row), output(0), place + tile.units.lowerBound, count)
      }
    }
  }

  func parameters(_ direction: Int) -> RecurrentParameters<T> {
    RecurrentParameters(
      layout: layer.layout, values: parameters + direction * layer.layout.count)
  }

  /// Scratch memory of a tile for the rows of a product.
  func table(_ tile: RecurrentTiling.Tile) -> UnsafeMutablePointer<ck_row> {
    (buffers.scratch + layer.memory.table).assumingMemoryBound(to: ck_row.self)
      + tile.index * layer.memory.tableCount
  }

  /// The rows of a tile whose sequences have that step.
  private func rows(
    _ time: Int, _ tile: RecurrentTiling.Tile
  ) -> UnsafeBufferPointer<Int32> {
    let rows =
      (buffers.scratch + layer.memory.rows).assumingMemoryBound(to: Int32.self)
      + tile.index * layer.tiling.rowsOfTile
    var count = 0
    for row in tile.rows where time < length(row) {
      rows[count] = Int32(truncatingIfNeeded: row)
      count += 1
    }
    return UnsafeBufferPointer(start: rows, count: count)
  }

  /// Carries the states of rows over a step that their sequences do not have: the backward pass
  /// multiplies all states of the reserve.
  private func carryStates(
    _ time: Int, _ tile: RecurrentTiling.Tile, _ at: StepMemory<T>
  ) {
    guard lengths != nil else { return }
    let count = tile.units.count
    for row in tile.rows where time >= length(row) {
      let row = Int32(truncatingIfNeeded: row)
      at.next(row).update(from: at.previous(row), count: count)
      if layer.cell.shape.hasCellState {
        at.nextCell(row).update(from: at.previousCell(row), count: count)
      }
      if layer.cell.shape.hasExtraRows { at.extra(row).clear(count) }
    }
  }
}
