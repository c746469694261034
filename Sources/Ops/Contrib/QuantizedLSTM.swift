import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import ONNXRecurrent

/// The kernel of `DynamicQuantizeLSTM` for one set of sizes.
struct QuantizedLSTM: Sendable {
  private let attributes: RecurrentAttributes
  private let couplesInputAndForget: Bool
  private let steps: Int
  private let batch: Int
  private let inputs: Int
  private let units: Int
  private let w: QuantizedGates
  private let r: QuantizedGates
  private let has: [Bool]
  private let wants: [Bool]
  /// Whether the loops in C compute the cell.
  private let isFast: Bool
  /// The number of samples that a task computes together.
  private let group: Int
  private let memory: Memory

  /// The scratch memory, as offsets in bytes.
  private struct Memory: Sendable {
    let quantized: Int
    let rows: Int
    let codes: Int
    let biases: Int
    let gates: Int
    /// The memory of the first thread.
    let threads: Int
    // In that of each thread:
    let states: Int
    let stateBytes: Int
    let stateRows: Int
    let stateCodes: Int
    let threadBytes: Int
    let byteCount: Int
  }

  init(_ layer: DynamicQuantizeLSTM, _ call: Preparation) throws(OperatorError) {
    attributes = layer.attributes
    couplesInputAndForget = layer.couplesInputAndForget
    let sizes = try call.inputSizes(0)
    (steps, batch, inputs) = (sizes[0], sizes[1], sizes[2])
    units = try call.inputSizes(2)[1]
    has = (0..<12).map { call.inputs.has($0) }
    wants = (0..<3).map(call.wants)
    isFast = attributes.isStandard && !couplesInputAndForget && !has[7]
    // Samples of different lengths do not run together.
    group = has[4] ? 1 : min(max(batch, 1), 4)
    let count = Int.work(steps, batch)
    var plan = ScratchPlan()
    w = try QuantizedGates(call, weights: 1, scale: 8, zero: 9, rows: count, &plan)
    r = try QuantizedGates(call, weights: 2, scale: 10, zero: 11, rows: group, &plan)
    let gates = Int.work(units, 4, 4)
    let directions = attributes.directions
    let quantized = plan.place(.work(count, inputs))
    let rows = plan.place(w.layout.blockBytes)
    let codes = plan.place(RowCodes.byteCount(count))
    let biases = plan.place(.work(directions, gates))
    let all = plan.place(.work(.work(directions, count), gates))
    var thread = ScratchPlan()
    let states = thread.place(.work(.work(group, 3), units, 4))
    let stateBytes = thread.place(.work(group, units))
    let stateRows = thread.place(r.layout.blockBytes)
    let stateCodes = thread.place(RowCodes.byteCount(group))
    memory = Memory(
      quantized: quantized, rows: rows, codes: codes, biases: biases, gates: all,
      threads: plan.place(.work(thread.byteCount, call.threads)), states: states,
      stateBytes: stateBytes, stateRows: stateRows, stateCodes: stateCodes,
      threadBytes: thread.byteCount, byteCount: plan.byteCount)
  }

  func kernel() -> Kernel {
    let directions = attributes.directions
    let chunks = Tiles(
      w.layout.blocks, cost: max(1, .work(w.layout.block, inputs, units) / 64))
    let packGates: [Buffers.Tile] = [w, r].map { gates in
      { buffers, task, _ in gates.pack(task, buffers) }
    }
    let packRows: Buffers.Tile = { buffers, task, _ in packInput(chunks[task], buffers) }
    let multiply: Buffers.Tile = { buffers, task, _ in
      let (direction, chunk) = task.quotientAndRemainder(dividingBy: chunks.count)
      multiplyInput(direction, chunks[chunk], buffers)
    }
    let groups = (batch + group - 1) / group
    let sample: Buffers.Tile = { buffers, task, thread in
      let (direction, index) = task.quotientAndRemainder(dividingBy: groups)
      run(direction, index * group..<min(batch, (index + 1) * group), buffers, thread)
    }
    return .compute(scratch: memory.byteCount) { buffers throws(OperatorError) in
      let last = try checkLengths(buffers)
      for (gates, pack) in zip([w, r], packGates) {
        if gates.constant == nil { buffers.parallel(gates.tiles, pack) }
        gates.prepareZeros(buffers)
      }
      quantizeInput(last * batch, buffers)
      addBiases(buffers)
      buffers.parallel(chunks.count, packRows)
      buffers.parallel(directions * chunks.count, multiply)
      buffers.parallel(directions * groups, sample)
    }
  }

  /// The longest sequence.
  /// - Throws: `OperatorError.input` for a length that is negative or larger than the sequence
  private func checkLengths(_ buffers: Buffers) throws(OperatorError) -> Int {
    guard has[4] else { return steps }
    var longest = 0
    for sample in 0..<batch {
      let length = length(sample, buffers)
      guard 0...steps ~= length else {
        throw .input(4, "expected lengths from 0 to \(steps), got \(length)")
      }
      longest = max(longest, length)
    }
    return longest
  }

  private func length(_ sample: Int, _ buffers: Buffers) -> Int {
    has[4] ? Int(buffers.input(4, as: Int32.self)[sample]) : steps
  }

  private func floats(_ place: Int, _ buffers: Buffers) -> UnsafeMutablePointer<Float> {
    (buffers.scratch + place).assumingMemoryBound(to: Float.self)
  }
  private func bytes(_ place: Int, _ buffers: Buffers) -> UnsafeMutablePointer<UInt8> {
    (buffers.scratch + place).assumingMemoryBound(to: UInt8.self)
  }
  private func codes(_ buffers: Buffers) -> RowCodes {
    RowCodes(buffers.scratch + memory.codes, w.layout.rows)
  }
  /// The gates of one direction, step and sample.
  private func gates(
    _ direction: Int, _ step: Int, _ sample: Int, _ buffers: Buffers
  ) -> UnsafeMutablePointer<Float> {
    floats(memory.gates, buffers) + ((direction * steps + step) * batch + sample) * 4 * units
  }

  /// Quantises the first rows of X. The others are not used.
  private func quantizeInput(_ rows: Int, _ buffers: Buffers) {
    let x = buffers.input(0, as: Float.self)
    let quantized = bytes(memory.quantized, buffers)
    let code = DynamicCode(x, rows * inputs)
    code.quantize(x, rows * inputs, to: quantized)
    (quantized + rows * inputs).update(repeating: 0, count: (w.layout.rows - rows) * inputs)
    let codes = codes(buffers)
    for row in 0..<w.layout.rows { codes.set(row, code) }
  }

  private func addBiases(_ buffers: Buffers) {
    guard has[3] else { return }
    let (source, sums) = (buffers.input(3, as: Float.self), floats(memory.biases, buffers))
    let count = 4 * units
    for direction in 0..<attributes.directions {
      let b = source + direction * 2 * count
      for n in 0..<count { sums[direction * count + n] = b[n] + b[count + n] }
    }
  }

  private func packInput(_ blocks: Range<Int>, _ buffers: Buffers) {
    let codes = codes(buffers)
    for block in blocks {
      w.packRows(bytes(memory.quantized, buffers), block, bytes(memory.rows, buffers), codes)
    }
  }

  /// The gates' share of X, and the biases.
  private func multiplyInput(_ direction: Int, _ blocks: Range<Int>, _ buffers: Buffers) {
    let first = blocks.lowerBound * w.layout.block
    let rows = min(blocks.upperBound * w.layout.block, w.layout.rows) - first
    w.multiply(
      bytes(memory.rows, buffers), first..<first + rows, direction, codes(buffers), buffers,
      bias: nil, residual: nil, to: gates(direction, 0, 0, buffers))
  }

  /// All steps of some samples in one direction.
  private func run(_ direction: Int, _ samples: Range<Int>, _ buffers: Buffers, _ thread: Int) {
    let (n, count) = (units, samples.count)
    let own = memory.threads + thread * memory.threadBytes
    let states = floats(own + memory.states, buffers)
    let (Ht, Ct, spare) = (states, states + group * n, states + 2 * group * n)
    let quantized = bytes(own + memory.stateBytes, buffers)
    let rows = bytes(own + memory.stateRows, buffers)
    let codes = RowCodes(buffers.scratch + own + memory.stateCodes, group)
    let first = direction * batch + samples.lowerBound
    for (state, input) in [(Ht, 5), (Ct, 6)] {
      if has[input] {
        state.update(from: buffers.input(input, as: Float.self) + first * n, count: count * n)
      } else {
        state.update(repeating: 0, count: count * n)
      }
    }
    let biases = has[3] ? floats(memory.biases, buffers) + direction * 4 * n : nil
    let length = length(samples.lowerBound, buffers)
    for index in 0..<length {
      let step = attributes.reversed[direction] ? length - 1 - index : index
      let gates = gates(direction, step, samples.lowerBound, buffers)
      for row in 0..<count {
        let code = DynamicCode(Ht + row * n, n)
        code.quantize(Ht + row * n, n, to: quantized + row * n)
        codes.set(row, code)
      }
      r.packRows(quantized, count: count, rows, codes)
      r.multiply(
        rows, 0..<count, direction, codes, buffers, bias: biases, residual: gates, to: gates)
      for row in 0..<count {
        let (own, H, C) = (gates + row * 4 * n, Ht + row * n, Ct + row * n)
        if isFast {
          ck_lstm_cell(own, n, nil, C, C, H, n)
        } else {
          update(own, H, C, spare, direction, buffers)
        }
      }
      if wants[0] {
        output(step, direction, samples.lowerBound, buffers).update(from: Ht, count: count * n)
      }
    }
    if wants[0] {
      for step in length..<max(steps, length) {
        output(step, direction, samples.lowerBound, buffers)
          .update(repeating: 0, count: count * n)
      }
    }
    for (state, index) in [(Ht, 1), (Ct, 2)] where wants[index] {
      let target = buffers.output(index, as: Float.self) + first * n
      if length == 0 {
        target.update(repeating: 0, count: count * n)
      } else {
        target.update(from: state, count: count * n)
      }
    }
  }

  private func output(
    _ step: Int, _ direction: Int, _ sample: Int, _ buffers: Buffers
  ) -> UnsafeMutablePointer<Float> {
    buffers.output(0, as: Float.self)
      + ((step * attributes.directions + direction) * batch + sample) * units
  }

  /// The equations of `LSTM` for one sample, with the gates in the order i, o, f, c.
  private func update(
    _ gates: UnsafeMutablePointer<Float>, _ Ht: UnsafeMutablePointer<Float>,
    _ Ct: UnsafeMutablePointer<Float>, _ hC: UnsafeMutablePointer<Float>, _ direction: Int,
    _ buffers: Buffers
  ) {
    let n = units
    let functions = attributes.activations[direction]
    let (f, g, h) = (functions[0], functions[1], functions[2])
    let (it, ot, ft, ct) = (gates, gates + n, gates + 2 * n, gates + 3 * n)
    func activate(
      _ gate: Int, _ function: RecurrentActivation, peephole: Int?
    ) {
      let a = gates + gate * n
      if has[7], let peephole {
        let P = buffers.input(7, as: Float.self) + (direction * 3 + peephole) * n
        for u in 0..<n { a[u] += P[u] * Ct[u] }
      }
      a.activate(function, clip: attributes.clip, n)
    }
    activate(0, f, peephole: 0)
    if couplesInputAndForget {
      for u in 0..<n { ft[u] = 1 - it[u] }
    } else {
      activate(2, f, peephole: 2)
    }
    activate(3, g, peephole: nil)
    for u in 0..<n { Ct[u] = ft[u] * Ct[u] + it[u] * ct[u] }
    activate(1, f, peephole: 1)
    h.apply(Ct, hC, n)
    for u in 0..<n { Ht[u] = ot[u] * hC[u] }
  }
}
