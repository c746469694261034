import ONNXFormat

/// A loop that computes `y[i] = f(a[i · aStep], b[i · bStep])` for `count` elements. A step is 0, for
/// an operand with a single element, or 1. `y` may be the same memory as `a` or `b`.
public typealias BinaryLoop<A, B, Y> =
  @Sendable (
    _ a: UnsafePointer<A>, _ aStep: Int, _ b: UnsafePointer<B>, _ bStep: Int,
    _ y: UnsafeMutablePointer<Y>, _ count: Int
  ) -> Void

/// A binary loop over `rows` rows of `count` elements. The rows of `y` lie one behind the other, those
/// of `a` and `b` begin `aRow` and `bRow` elements apart.
public typealias BinaryRowsLoop =
  @Sendable (
    _ a: UnsafePointer<Float>, _ aStep: Int, _ aRow: Int, _ b: UnsafePointer<Float>, _ bStep: Int,
    _ bRow: Int, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ rows: Int
  ) -> Void

/// A binary loop with its element types erased.
public struct AnyBinaryLoop: Sendable {
  /// The loop: address, step and distance of rows of the first operand, of the second, address of the
  /// result, number of elements of a row, number of rows.
  private let loop:
    @Sendable (
      UnsafeRawPointer, Int, Int, UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer, Int, Int
    ) -> Void
  private let strides: (a: Int, b: Int, y: Int)

  /// Erases the element types of a loop.
  public init<A, B, Y>(_ loop: @escaping BinaryLoop<A, B, Y>) {
    strides = (MemoryLayout<A>.stride, MemoryLayout<B>.stride, MemoryLayout<Y>.stride)
    self.loop = { a, aStep, aRow, b, bStep, bRow, y, count, rows in
      var a = a.assumingMemoryBound(to: A.self)
      var b = b.assumingMemoryBound(to: B.self)
      var y = y.assumingMemoryBound(to: Y.self)
      for _ in 0..<rows {
        loop(a, aStep, b, bStep, y, count)
        a += aRow
        b += bRow
        y += count
      }
    }
  }

  /// Erases the element type of a loop over rows.
  public init(rows loop: @escaping BinaryRowsLoop) {
    let stride = MemoryLayout<Float>.stride
    strides = (stride, stride, stride)
    self.loop = { a, aStep, aRow, b, bStep, bRow, y, count, rows in
      loop(
        a.assumingMemoryBound(to: Float.self), aStep, aRow, b.assumingMemoryBound(to: Float.self),
        bStep, bRow, y.assumingMemoryBound(to: Float.self), count, rows)
    }
  }

  /// Runs the loop on one row: address and step of the first operand, of the second, address of the
  /// result, number of elements. Addresses must be of the element types that the loop was made for.
  public func run(
    _ a: UnsafeRawPointer, _ aStep: Int, _ b: UnsafeRawPointer, _ bStep: Int,
    _ y: UnsafeMutableRawPointer, _ count: Int
  ) { loop(a, aStep, 0, b, bStep, 0, y, count, 1) }

  /// Runs the loop on the rows of one task. Any thread may call it.
  ///
  /// - Parameters:
  ///   - rows: the rows of the result, split into tasks
  ///   - task: a number below `rows.tasks`
  ///   - a: the first element of the first operand
  ///   - b: the first element of the second operand
  ///   - y: the first element of the result
  public func callAsFunction(
    _ rows: BroadcastRows, _ task: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer,
    _ y: UnsafeMutableRawPointer
  ) {
    // Nothing in the loop counts references, which threads would contend for.
    let (loop, strides, steps) = (self.loop, self.strides, rows.steps)
    rows.forEachBlock(in: task) { block in
      loop(
        a + block.operands[0] * strides.a, steps[0], block.distances[0],
        b + block.operands[1] * strides.b, steps[1], block.distances[1],
        y + block.output * strides.y, block.count, block.rows)
    }
  }

  /// A kernel that applies the loop to inputs 0 and 1 and writes output 0, on all threads.
  public func kernel(_ rows: BroadcastRows) -> Kernel {
    let job = BinaryJob(self, rows)
    let tasks = rows.tasks
    if tasks == 1 { return .compute { buffers in job.run(0, buffers) } }
    let tile: Buffers.Tile = { buffers, task, _ in job.run(task, buffers) }
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }
}

/// A loop and its rows: a class, so that a run of the kernel copies neither.
private final class BinaryJob: Sendable {
  private let loop: AnyBinaryLoop
  private let rows: BroadcastRows

  init(_ loop: AnyBinaryLoop, _ rows: BroadcastRows) {
    self.loop = loop
    self.rows = rows
  }

  func run(_ task: Int, _ buffers: Buffers) {
    loop(
      rows, task, UnsafeRawPointer(buffers.address(0)), UnsafeRawPointer(buffers.address(1)),
      buffers.address(buffers.inputCount))
  }
}

/// Computes one row of a binary loop. Each combination of steps has a loop of its own, so that the
/// compiler can vectorise it.
@inlinable @inline(__always)
public func mapRow<A, B, Y>(
  _ a: UnsafePointer<A>, _ aStep: Int, _ b: UnsafePointer<B>, _ bStep: Int,
  _ y: UnsafeMutablePointer<Y>, _ count: Int, _ f: (A, B) -> Y
) {
  switch (aStep, bStep) {
  case (0, 0):
    if count > 0 { y.update(repeating: f(a[0], b[0]), count: count) }
  case (0, _):
    let left = a[0]
    for i in 0..<count { y[i] = f(left, b[i]) }
  case (_, 0):
    let right = b[0]
    for i in 0..<count { y[i] = f(a[i], right) }
  default:
    for i in 0..<count { y[i] = f(a[i], b[i]) }
  }
}

/// A binary loop over 16-bit floats that converts blocks of them to `Float` and back.
public func throughFloat<T: HalfFloat>(
  _ type: T.Type, _ loop: @escaping BinaryLoop<Float, Float, Float>
) -> BinaryLoop<T, T, T> {
  { a, aStep, b, bStep, y, count in
    T.withBlocks(3) { left in
      let right = left + T.block
      let result = right + T.block
      if aStep == 0 { T.widen(a, left, 1) }
      if bStep == 0 { T.widen(b, right, 1) }
      for start in stride(from: 0, to: count, by: T.block) {
        let size = min(T.block, count - start)
        if aStep != 0 { T.widen(a + start, left, size) }
        if bStep != 0 { T.widen(b + start, right, size) }
        loop(left, aStep, right, bStep, result, size)
        T.narrow(result, y + start, size)
      }
    }
  }
}

/// A binary loop over small integers that converts blocks of them to a wider type and back. Results
/// are truncated to the bits of the small type.
@inlinable @inline(never)
public func throughWide<T: FixedWidthInteger & Sendable, W: FixedWidthInteger & Sendable>(
  _ type: T.Type, _ loop: @escaping BinaryLoop<W, W, W>
) -> BinaryLoop<T, T, T> {
  { a, aStep, b, bStep, y, count in
    withUnsafeTemporaryAllocation(of: W.self, capacity: 3 * smallBlock) { memory in
      guard let left = memory.baseAddress else { return }
      let right = left + smallBlock
      let result = right + smallBlock
      if aStep == 0 { widenIntegers(a, left, 1) }
      if bStep == 0 { widenIntegers(b, right, 1) }
      for start in stride(from: 0, to: count, by: smallBlock) {
        let size = min(smallBlock, count - start)
        if aStep != 0 { widenIntegers(a + start, left, size) }
        if bStep != 0 { widenIntegers(b + start, right, size) }
        loop(left, aStep, right, bStep, result, size)
        narrowIntegers(result, y + start, size)
      }
    }
  }
}
