import CKernels
import ONNXFormat
import ONNXOperators
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
  private let threads: Int

  init(_ layer: DynamicQuantizeLSTM, _ call: Preparation) throws(OperatorError) {
    attributes = layer.attributes
    couplesInputAndForget = layer.couplesInputAndForget
    let sizes = try call.inputSizes(0)
    (steps, batch, inputs) = (sizes[0], sizes[1], sizes[2])
    units = try call.inputSizes(2)[1]
    w = try QuantizedGates(call, weights: 1, scale: 8, zero: 9)
    r = try QuantizedGates(call, weights: 2, scale: 10, zero: 11)
    has = (0..<12).map { call.inputs.has($0) }
    wants = (0..<3).map(call.wants)
    threads = call.threads
  }

  /// Number of bytes before the quantised X: its scale.
  private static let header = 64
  private var sampleSize: Int { Int.work(batch, inputs) }
  private var quantizedBytes: Int { Int.work(.work(steps, sampleSize).vectors, 2) }
  private var gateBytes: Int {
    .work(.work(attributes.directions, steps, batch), .work(units, 4), 4)
  }
  /// Sums of all gates, quantised state, hidden and cell state, and a row of numbers.
  private var threadBytes: Int { .work(.work(units, 4 + 1 + 3).vectors, 4) }

  func kernel() -> Kernel {
    let rows = Int.work(attributes.directions, steps, batch)
    let product: Buffers.Tile = { buffers, row, thread in multiplyInput(row, buffers, thread) }
    let sample: Buffers.Tile = { buffers, task, thread in run(task, buffers, thread) }
    let scratch = Int.total(
      Self.header, quantizedBytes, gateBytes, .work(threadBytes, threads))
    return .compute(scratch: scratch) { buffers throws(OperatorError) in
      let last = try checkLengths(buffers)
      let count = last * sampleSize
      let x = buffers.input(0, as: Float.self)
      let code = DynamicCode(x, count)
      buffers.scratch.assumingMemoryBound(to: Float.self)[0] = code.scale
      code.quantize(x, count, to: quantized(buffers))
      buffers.parallel(rows, product)
      buffers.parallel(attributes.directions * batch, sample)
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

  private func quantized(_ buffers: Buffers) -> UnsafeMutablePointer<Int16> {
    (buffers.scratch + Self.header).assumingMemoryBound(to: Int16.self)
  }
  /// The gates of one direction, step and sample.
  private func gates(_ row: Int, _ buffers: Buffers) -> UnsafeMutablePointer<Float> {
    let all = buffers.scratch + Self.header + quantizedBytes
    return all.assumingMemoryBound(to: Float.self) + row * 4 * units
  }
  private func memory(_ thread: Int, _ buffers: Buffers) -> UnsafeMutablePointer<Float> {
    let all = buffers.scratch + Self.header + quantizedBytes + gateBytes
    return (all + thread * threadBytes).assumingMemoryBound(to: Float.self)
  }

  /// The gates' share of X.
  private func multiplyInput(_ row: Int, _ buffers: Buffers, _ thread: Int) {
    let (direction, rest) = row.quotientAndRemainder(dividingBy: steps * batch)
    guard rest / batch < length(rest % batch, buffers) else { return }
    let sums = UnsafeMutableRawPointer(memory(thread, buffers)).assumingMemoryBound(to: Int32.self)
    let y = gates(row, buffers)
    w.multiply(
      quantized(buffers) + rest * inputs, direction,
      scale: buffers.scratch.assumingMemoryBound(to: Float.self)[0], buffers, sums
    ) { n, value in y[n] = value }
  }

  /// All steps of one sample in one direction.
  private func run(_ task: Int, _ buffers: Buffers, _ thread: Int) {
    let (direction, sample) = task.quotientAndRemainder(dividingBy: batch)
    let n = units
    let memory = memory(thread, buffers)
    let sums = UnsafeMutableRawPointer(memory).assumingMemoryBound(to: Int32.self)
    let codes = UnsafeMutableRawPointer(memory + 4 * n).assumingMemoryBound(to: Int16.self)
    let (Ht, Ct) = (memory + 5 * n, memory + 6 * n)
    let spare = memory + 7 * n
    for (state, input) in [(Ht, 5), (Ct, 6)] {
      if has[input] {
        state.update(from: buffers.input(input, as: Float.self) + task * n, count: n)
      } else {
        state.update(repeating: 0, count: n)
      }
    }
    let length = length(sample, buffers)
    for index in 0..<length {
      let step = attributes.reversed[direction] ? length - 1 - index : index
      let gates = gates((direction * steps + step) * batch + sample, buffers)
      let code = DynamicCode(Ht, n)
      code.quantize(Ht, n, to: codes)
      r.multiply(codes, direction, scale: code.scale, buffers, sums) { n, value in
        gates[n] += value
      }
      update(gates, Ht, Ct, spare, direction, buffers)
      if wants[0] { output(step, direction, sample, buffers).update(from: Ht, count: n) }
    }
    if wants[0] {
      for step in length..<max(steps, length) {
        output(step, direction, sample, buffers).update(repeating: 0, count: n)
      }
    }
    for (state, index) in [(Ht, 1), (Ct, 2)] where wants[index] {
      let target = buffers.output(index, as: Float.self) + task * n
      if length == 0 {
        target.update(repeating: 0, count: n)
      } else {
        target.update(from: state, count: n)
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
      if has[3] {
        let B = buffers.input(3, as: Float.self) + (direction * 8 + gate) * n
        for u in 0..<n { a[u] += B[u] + B[4 * n + u] }
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

/// Numbers as uint8 with the scale and zero point of `DynamicQuantizeLinear`.
private struct DynamicCode {
  let scale: Float
  private let zero: Float

  /// The code for the range of these numbers and 0.
  init(_ x: UnsafePointer<Float>, _ count: Int) {
    let (low, high) = (ck_reduce_min(x, count, 0), ck_reduce_max(x, count, 0))
    scale = low == high ? 1 : (high - low) / 255
    let point = (-low / scale).rounded(.toNearestOrEven)
    zero = point >= 0 ? Swift.min(point, 255) : 0
  }

  /// Writes the quantised numbers minus the zero point.
  func quantize(_ x: UnsafePointer<Float>, _ count: Int, to y: UnsafeMutablePointer<Int16>) {
    ck_quantize_shifted(x, scale, zero, y, count)
  }
}

/// Matrices `[D, depth, 4H]` of 8-bit weights with a scale and zero point for each direction, or for
/// each column.
private struct QuantizedGates: Sendable {
  private let weights: Int
  private let scale: Int
  private let zero: Int
  private let depth: Int
  private let columns: Int
  private let isSigned: Bool
  private let hasScales: Bool
  private let hasZeros: Bool

  init(
    _ call: Preparation, weights: Int, scale: Int, zero: Int
  ) throws(OperatorError) {
    (self.weights, self.scale, self.zero) = (weights, scale, zero)
    let sizes = try call.inputSizes(weights)
    (depth, columns) = (sizes[1], sizes[2])
    isSigned = try call.elementType(weights) == .int8
    hasScales = try call.inputSizes(scale).count == 2
    hasZeros = try call.inputSizes(zero).count == 2
  }

  /// Calls `body` with each element of `x · weights`, where `x` has this scale.
  @inline(__always)
  func multiply(
    _ x: UnsafePointer<Int16>, _ direction: Int, scale xScale: Float, _ buffers: Buffers,
    _ sums: UnsafeMutablePointer<Int32>, _ body: (_ column: Int, _ value: Float) -> Void
  ) {
    let zeros = buffers.input(zero, as: UInt8.self) + direction * (hasZeros ? columns : 1)
    ck_byte_product(
      x, depth, buffers.input(weights, as: UInt8.self) + direction * depth * columns, columns,
      isSigned, zeros, hasZeros ? 1 : 0, sums)
    let scales = buffers.input(scale, as: Float.self) + direction * (hasScales ? columns : 1)
    let step = hasScales ? 1 : 0
    for n in 0..<columns { body(n, Float(sums[n]) * (xScale * scales[n * step])) }
  }
}
