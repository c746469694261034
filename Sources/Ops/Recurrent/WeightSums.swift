import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The gradients of W and R, `dW = dGᵀ · X` and `dR = dGᵀ · Ht−1`, as sums over chunks of the steps.
/// The gradients and states of a chunk are multiplied while they are in the cache.
struct WeightSums<T: GateValue>: Sendable {
  typealias Values = UnsafeMutablePointer<T>

  /// Rows that a matrix of recurrent products is multiplied with: X or a state.
  private struct Source: Sendable {
    /// `[columns]` of a row.
    let columns: Int
    /// The slots of the gradients, and the first of their gates.
    let slots: Range<Int>
    let gate: Int
    /// Where the rows of a direction begin in the reserve; `nil` for X.
    let states: [Int]?
    /// Packed rows of a chunk, `[directions, rows, stride]`, in the scratch memory.
    let packed: Int
    /// Sums that are not whole vectors, `[directions, gates, hidden, stride]`, in the scratch memory.
    let sums: Int?

    /// Columns, rounded up to whole vectors.
    var stride: Int { (columns + T.lanes - 1) / T.lanes * T.lanes }
    /// Tasks that pack the rows.
    var blocks: Int { (columns + Self.block - 1) / Self.block }
    /// Columns that a task packs, several panels of any instruction set.
    static var block: Int { 128 }
  }

  /// Rows of a product whose packed columns stay in the first-level cache.
  static var rows: Int { 256 }
  /// Units whose gradients a task multiplies.
  private static var units: Int { 256 }

  private let sizes: RecurrentSizes
  private let gates: Int
  private let slots: Int
  private let padded: Int
  /// Rows of the largest chunk.
  private let most: Int
  private let sources: [Source]
  private let gradients: Int
  private let zeros: Int
  /// The sums of dW for one-hot rows of X; `nil` where X is not looked at.
  private let picked: PickedSums<T>?
  private let lanes: Int
  /// Where the packed gradients of a task's units begin.
  private let offsets: [Int]

  /// Rows of the largest product.
  private var largest: Int { min(most, Self.rows) }

  /// - Parameters:
  ///   - chunk: steps of a chunk
  ///   - wanted: whether to compute dW and dR
  init(
    _ cell: CellShape, _ sizes: RecurrentSizes, _ reserve: RecurrentReserve, chunk: Int,
    wanted: (dW: Bool, dR: Bool), hasLengths: Bool, threads: Int, _ parts: inout MemoryParts
  ) {
    self.sizes = sizes
    (gates, slots, padded) = (cell.gates, cell.slots, reserve.padded)
    most = Int.work(chunk, sizes.batch)
    let lanes = ck_outer_lanes(MemoryLayout<T>.stride)
    self.lanes = lanes
    let largest = min(most, Self.rows)
    offsets = (0..<Self.units).map { $0 / lanes * lanes * largest + $0 % lanes }
    let value = MemoryLayout<T>.stride
    let (directions, gates, most) = (sizes.directions, cell.gates, most)
    func wholeVectors(_ columns: Int) -> Int { (columns + T.lanes - 1) / T.lanes * T.lanes }
    func sums(_ columns: Int, _ parts: inout MemoryParts) -> Int? {
      let stride = wholeVectors(columns)
      return stride == columns
        ? nil : parts.reserve(directions, gates, sizes.hidden, stride, bytes: value)
    }
    var sources: [Source] = []
    func add(
      _ columns: Int, _ slots: Range<Int>, gate: Int, _ states: [Int]?, sums: Int?,
      _ parts: inout MemoryParts
    ) {
      sources.append(
        Source(
          columns: columns, slots: slots, gate: gate, states: states,
          packed: parts.reserve(directions, most, wholeVectors(columns), bytes: value), sums: sums))
    }
    if wanted.dW {
      let own = sums(sizes.input, &parts)
      add(sizes.input, 0..<gates, gate: 0, nil, sums: own, &parts)
    }
    if wanted.dR {
      let shared = sums(sizes.hidden, &parts)
      var gate = 0
      for (matrix, size) in cell.matrices.enumerated() {
        let isExtra = cell.multipliesExtraRows && matrix == cell.matrices.count - 1
        let first = cell.slot(matrix)
        let states = (0..<directions).map {
          $0 * reserve.count + (isExtra ? reserve.extraAt : reserve.previousStates($0))
        }
        add(sizes.hidden, first..<first + size, gate: gate, states, sums: shared, &parts)
        gate += size
      }
    }
    self.sources = sources
    gradients = parts.reserve(threads, Self.units, largest, bytes: value)
    zeros = parts.reserve(sizes.input, bytes: value)
    picked =
      wanted.dW && !hasLengths && OneHotRows.areLikely(width: sizes.input)
      ? PickedSums(sizes, gates: gates, &parts) : nil
  }

  private func values(_ buffers: Buffers, _ offset: Int) -> Values {
    (buffers.scratch + offset).assumingMemoryBound(to: T.self)
  }

  // MARK: Packing

  var packTasks: Int { sizes.directions * sources.reduce(0) { $0 + $1.blocks } }

  /// Packs some columns of X or of a state for a chunk.
  /// - Parameter first: the first step of time of each direction
  func pack(
    _ task: Int, _ buffers: Buffers, x: UnsafePointer<T>, reserve: UnsafePointer<T>,
    lengths: UnsafePointer<Int32>?, first: (Int) -> Int, steps: Int
  ) {
    var (direction, block) = task.quotientAndRemainder(
      dividingBy: sources.reduce(0) { $0 + $1.blocks })
    for source in sources {
      guard block < source.blocks else {
        block -= source.blocks
        continue
      }
      if source.states == nil, picked?.rows(buffers) != nil { return }
      let column = block * Source.block
      let count = min(Source.block, source.columns - column)
      let packed = values(buffers, source.packed) + direction * most * source.stride
      let all = steps * sizes.batch
      let start = first(direction) * sizes.batch
      for piece in stride(from: 0, to: all, by: Self.rows) {
        let rows = min(Self.rows, all - piece)
        let target = packed + piece * source.stride + column * rows
        if let states = source.states {
          T.packOuter(
            reserve + states[direction] + (start + piece) * padded + column, next: padded,
            columns: count, 0..<rows, of: rows, target)
        } else if sizes.batchFirst || lengths != nil {
          for row in 0..<rows {
            let (step, own) = (start + piece + row).quotientAndRemainder(dividingBy: sizes.batch)
            // X may hold anything past the end of a sequence, even what 0 times is not 0.
            let isPast = lengths.map { step >= Int($0[own]) } ?? false
            let from =
              isPast
              ? UnsafePointer(values(buffers, zeros)) : x + sizes.inputRow(step, own) * sizes.input
            T.packOuter(from + column, next: 0, columns: count, row..<row + 1, of: rows, target)
          }
        } else {
          T.packOuter(
            x + (start + piece) * sizes.input + column, next: sizes.input, columns: count,
            0..<rows, of: rows, target)
        }
      }
      return
    }
  }

  /// Prepares the rows that stand for those of X past the ends of sequences, and looks for one-hot rows.
  func begin(_ buffers: Buffers) {
    values(buffers, zeros).clear(sizes.input)
    picked?.find(buffers)
  }

  // MARK: Products

  private var blocksOfSlot: Int { (sizes.hidden + Self.units - 1) / Self.units }
  var tasks: Int { sources.isEmpty ? 0 : sizes.directions * slots * blocksOfSlot }

  /// Adds the products of a chunk for some units of a slot.
  /// - Parameters:
  ///   - own: the gradients of the chunk, `[directions, rows, slots, padded]`
  ///   - first: the first step of time of each direction
  ///   - isFirst: whether no chunk came before
  func multiply(
    _ task: Int, _ buffers: Buffers, thread: Int, gradients own: UnsafePointer<T>,
    first: (Int) -> Int, steps: Int, isFirst: Bool, dW: Values?, dR: Values?
  ) {
    let (place, block) = task.quotientAndRemainder(dividingBy: blocksOfSlot)
    let (direction, slot) = place.quotientAndRemainder(dividingBy: slots)
    let unit = block * Self.units
    let count = min(Self.units, sizes.hidden - unit)
    let all = steps * sizes.batch
    let memory = values(buffers, gradients) + thread * Self.units * largest
    let oneHot = slot < gates ? picked?.rows(buffers) : nil
    let sources = sources.filter {
      $0.slots.contains(slot) && ($0.states != nil || oneHot == nil)
    }
    if let picked, let oneHot {
      let start = first(direction) * sizes.batch
      picked.add(
        oneHot, buffers, direction, slot, units: (unit, count),
        own + (direction * most * slots + slot) * padded + unit, next: slots * padded,
        rows: start..<start + all, isFirst: isFirst)
    }
    if isFirst {
      for source in sources {
        let target = target(source, buffers, direction, slot, unit, dW: dW, dR: dR)
        target.clear(count * source.stride)
      }
    }
    for piece in stride(from: 0, to: all, by: Self.rows) {
      let rows = min(Self.rows, all - piece)
      let from = own + ((direction * most + piece) * slots + slot) * padded + unit
      for first in stride(from: 0, to: count, by: lanes) {
        T.packOuter(
          from + first, next: slots * padded, columns: min(lanes, count - first), 0..<rows,
          of: rows, memory + first * largest)
      }
      let places = ck_places(
        images: 1, x_image: 0, rows: 1, x_row: 0, columns: rows, x_column: lanes)
      offsets.withUnsafeBufferPointer { offsets in
        guard let offsets = offsets.baseAddress else { return }
        for source in sources {
          T.addOuter(
            places, values(buffers, source.packed) + (direction * most + piece) * source.stride,
            columns: source.columns, memory, offsets, taps: count,
            target(source, buffers, direction, slot, unit, dW: dW, dR: dR), stride: source.stride)
        }
      }
    }
  }

  /// Where the sums of a slot's units from `unit` on lie.
  private func target(
    _ source: Source, _ buffers: Buffers, _ direction: Int, _ slot: Int, _ unit: Int,
    dW: Values?, dR: Values?
  ) -> Values {
    let gate = source.gate + slot - source.slots.lowerBound
    let row = (direction * gates + gate) * sizes.hidden + unit
    let sums = source.sums.map { values(buffers, $0) }
    return (sums ?? (source.states == nil ? dW : dR) ?? values(buffers, 0)) + row * source.stride
  }

  // MARK: After the steps

  var finishTasks: Int { sizes.directions * gates }

  /// Copies sums that are not whole vectors, and transposed ones, to the outputs.
  func finish(_ task: Int, _ buffers: Buffers, dW: Values?, dR: Values?) {
    let gate = task % gates
    for source in sources where source.gate..<source.gate + source.slots.count ~= gate {
      guard let output = source.states == nil ? dW : dR else { continue }
      if source.states == nil, let picked, picked.rows(buffers) != nil {
        picked.copy(task, buffers, to: output)
        continue
      }
      guard let sums = source.sums else { continue }
      for row in task * sizes.hidden..<(task + 1) * sizes.hidden {
        (output + row * source.columns).update(
          from: values(buffers, sums) + row * source.stride, count: source.columns)
      }
    }
  }
}
