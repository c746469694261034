import ONNXFormat

/// A loop that computes `y[i] = f(a[i · aStep], b[i · bStep])` for `count` elements. A step is 0, for
/// an operand with a single element, or 1. `y` may be the same memory as `a` or `b`.
public typealias BinaryLoop<A, B, Y> =
  @Sendable (
    _ a: UnsafePointer<A>, _ aStep: Int, _ b: UnsafePointer<B>, _ bStep: Int,
    _ y: UnsafeMutablePointer<Y>, _ count: Int
  ) -> Void

/// A binary loop over `rows` rows of `count` results, which follow each other. The rows of an operand
/// begin `aRow` or `bRow` elements apart. `y` may be the same memory as an operand whose rows follow
/// each other too.
public typealias BinaryRowsLoop<A, B, Y> =
  @Sendable (
    _ a: UnsafePointer<A>, _ aStep: Int, _ aRow: Int, _ b: UnsafePointer<B>, _ bStep: Int,
    _ bRow: Int, _ y: UnsafeMutablePointer<Y>, _ count: Int, _ rows: Int
  ) -> Void

/// A binary loop with its element types erased.
public struct AnyBinaryLoop: Sendable {
  /// The loop: address and step of the first operand, of the second, address of the result, number
  /// of elements. Addresses must be of the element types that the loop was made for.
  public let run:
    @Sendable (
      UnsafeRawPointer, Int, UnsafeRawPointer, Int, UnsafeMutableRawPointer, Int
    ) -> Void
  private let runRows:
    (
      @Sendable (
        UnsafeRawPointer, Int, Int, UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer, Int, Int
      ) -> Void
    )?
  private let strides: (a: Int, b: Int, y: Int)

  /// Erases the element types of a loop.
  /// - Parameter rows: the same function as a loop over several short rows; `nil` for none
  public init<A, B, Y>(
    _ loop: @escaping BinaryLoop<A, B, Y>, rows: BinaryRowsLoop<A, B, Y>? = nil
  ) {
    if let rows {
      runRows = { a, aStep, aRow, b, bStep, bRow, y, count, number in
        rows(
          a.assumingMemoryBound(to: A.self), aStep, aRow, b.assumingMemoryBound(to: B.self), bStep,
          bRow, y.assumingMemoryBound(to: Y.self), count, number)
      }
    } else {
      runRows = nil
    }
    strides = (MemoryLayout<A>.stride, MemoryLayout<B>.stride, MemoryLayout<Y>.stride)
    run = { a, aStep, b, bStep, y, count in
      loop(
        a.assumingMemoryBound(to: A.self), aStep, b.assumingMemoryBound(to: B.self), bStep,
        y.assumingMemoryBound(to: Y.self), count)
    }
  }

  /// Runs the loop on the rows of one task. Any thread may call it.
  ///
  /// - Parameters:
  ///   - task: a number below `rows.tasks`
  ///   - a: the first element of the first operand, likewise `b`
  ///   - y: the first element of the result
  public func callAsFunction(
    _ rows: BroadcastRows, _ task: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer,
    _ y: UnsafeMutableRawPointer
  ) {
    if let runRows, rows.areShort {
      rows.forEachBlock(in: task) { output, operands, number in
        runRows(
          a + operands[0] * strides.a, rows.steps[0], rows.rowSteps[0],
          b + operands[1] * strides.b, rows.steps[1], rows.rowSteps[1], y + output * strides.y,
          rows.rowSize, number)
      }
      return
    }
    rows.forEach(in: task) { output, operands, count in
      run(
        a + operands[0] * strides.a, rows.steps[0], b + operands[1] * strides.b, rows.steps[1],
        y + output * strides.y, count)
    }
  }

  /// A kernel that applies the loop to inputs 0 and 1 and writes output 0, on all threads.
  public func kernel(_ rows: BroadcastRows) -> Kernel {
    let tile: Buffers.Tile = { buffers, task, _ in
      self(
        rows, task, UnsafeRawPointer(buffers.input(0, as: UInt8.self)),
        UnsafeRawPointer(buffers.input(1, as: UInt8.self)),
        UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self)))
    }
    return .compute { buffers in buffers.parallel(rows.tasks, tile) }
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
