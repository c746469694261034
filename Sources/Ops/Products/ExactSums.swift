import CKernels
import ONNXFormat
import ONNXOperators

/// Sums of products of small integers, modulo 2³², by float32 kernels: both factors are widened
/// minus their zero points, and sums are divided into parts that are never rounded.
package struct ExactSums: Sendable {
  /// The input index of the variable factor.
  package let input: Int
  /// The input index of its zero point.
  package let zero: Int?
  package let code: ByteCode
  package let outputCount: Int
  package let parts: [Part]

  package init(input: Int, zero: Int?, code: ByteCode, outputCount: Int, parts: [Part]) {
    self.input = input
    self.zero = zero
    self.code = code
    self.outputCount = outputCount
    self.parts = parts
  }

  /// A run of terms of all sums.
  package struct Part: Sendable {
    /// The location of the factors of these terms.
    package let runs: ByteRuns
    /// Reads the widened factors and weights, and writes the sums.
    package let body: Kernel.Body
    package let scratch: Int
    /// The weights that `body` reads; `nil` if it has packed its own.
    package let weights: TensorStorage?

    /// - Parameters:
    ///   - weights: a part of `source`, widened
    ///   - part: the name of the part
    ///   - shapes: the shapes of the factors and of the sums
    ///   - kernel: makes the kernel of the factors, input 0, and the weights, input 1
    /// - Returns: `nil` if there is no such kernel
    package init?(
      _ call: Preparation, _ runs: ByteRuns, weights: Tensor, of source: ByteWeights,
      part: String, shapes: (x: [Int], y: [Int]),
      kernel: (Preparation) throws(OperatorError) -> Kernel?
    ) throws(OperatorError) {
      let inner = Preparation(
        inputs: Inputs(
          types: [.tensor(.float32, Shape(shapes.x)), .tensor(weights.type)],
          constants: [nil, .tensor(weights)]),
        outputs: [TensorType(.float32, shapes.y)], threads: call.threads,
        packed: PackedTensors(
          of: source.tensor, as: "\(source.layout) part \(part) as", in: call.packed),
        convolution: .exact, isBatchInvariant: call.isBatchInvariant)
      guard case .compute(let scratch, let body)? = try kernel(inner) else { return nil }
      self.runs = runs
      self.body = body
      self.scratch = scratch
      self.weights = inner.replaced.all.contains(1) ? nil : weights.storage
    }
  }

  /// The number of floats after a kernel's operands, for a last partial vector.
  private static let margin = 16

  package func kernel() -> Kernel {
    let this = self
    // The scratch memory begins with the addresses and slots of factors, weights and sums.
    let header = 16
    let factors = Int.total(parts.reduce(0) { max($0, $1.runs.count) }, Self.margin).vectors
    let sums = Int.total(outputCount, Self.margin).vectors
    let own = Int.work(.total(header, factors, sums), MemoryLayout<Float>.stride)
    let inner = parts.reduce(0) { max($0, $1.scratch) }
    @Sendable func memory(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
      buffers.scratch.assumingMemoryBound(to: Float.self) + header
    }
    let widen = parts.map { part in
      let tile: Buffers.Tile = { buffers, task, _ in
        let zero = this.zero.map { this.code.value(buffers.input($0, as: UInt8.self)[0]) } ?? 0
        part.runs.widen(task, buffers.input(this.input), memory(buffers), this.code, zero: zero)
      }
      return tile
    }
    let tiles = Tiles(outputCount)
    let write: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      ck_float_to_int32(
        memory(buffers) + factors + range.lowerBound, buffers.output(0) + range.lowerBound,
        range.count)
    }
    let add: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      Self.add(
        memory(buffers) + factors + range.lowerBound, to: buffers.output(0) + range.lowerBound,
        range.count)
    }
    return .compute(scratch: .total(own, inner)) { buffers throws(OperatorError) in
      let table = buffers.scratch.bindMemory(to: UnsafeMutableRawPointer?.self, capacity: 3)
      let slots = (buffers.scratch + 32).bindMemory(to: Int32.self, capacity: 3)
      for slot in 0..<3 { slots[slot] = Int32(slot) }
      let x = memory(buffers)
      for (index, part) in this.parts.enumerated() {
        buffers.parallel(part.runs.tasks, widen[index])
        table[0] = UnsafeMutableRawPointer(x)
        table[1] = part.weights?.pointer
        table[2] = UnsafeMutableRawPointer(x + factors)
        try part.body(
          Buffers(
            table: table, slots: slots, inputCount: 2, scratch: buffers.scratch + own,
            pool: buffers.pool))
        buffers.parallel(tiles.count, index == 0 ? write : add)
      }
    }
  }

  /// `y[i] += x[i]`, modulo 2³²
  private static func add(
    _ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Int32>, _ count: Int
  ) {
    let block = 256
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: block) { terms in
      guard let terms = terms.baseAddress else { return }
      for first in stride(from: 0, to: count, by: block) {
        let own = min(block, count - first)
        ck_float_to_int32(x + first, terms, own)
        for i in 0..<own { y[first + i] &+= terms[i] }
      }
    }
  }
}

/// Runs of bytes, `stride` apart from `first` on, that are widened to a contiguous array.
package struct ByteRuns: Sendable {
  private let first: Int
  private let length: Int
  private let stride: Int
  private let tiles: Tiles
  package let count: Int

  package init(_ number: Int, first: Int, length: Int, stride: Int) {
    let isOne = length == stride
    count = .work(number, length)
    self.first = first
    self.length = isOne ? count : length
    self.stride = isOne ? count : stride
    tiles = Tiles(count)
  }

  package var tasks: Int { tiles.count }

  /// Widens the elements of one task.
  package func widen(
    _ task: Int, _ x: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<Float>, _ code: ByteCode,
    zero: Int32
  ) {
    let range = tiles[task]
    var place = range.lowerBound
    while place < range.upperBound {
      let (run, start) = place.quotientAndRemainder(dividingBy: length)
      let own = min(length - start, range.upperBound - place)
      code.widen(x + first + run * stride + start, y + place, own, zero: zero)
      place += own
    }
  }
}
