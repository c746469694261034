import ONNXFormat

/// An int32 or int64 input of indices, converted to offsets in another tensor.
///
/// The indices are checked and converted once, into scratch memory. The loop that moves elements then
/// reads `Int`s for both types.
@usableFromInline package struct Offsets: Sendable {
  @usableFromInline package let input: Int
  @usableFromInline package let type: ElementType

  package init(_ call: Preparation, input: Int) throws(OperatorError) {
    self.input = input
    type = try call.inputs.tensor(input, [.int32, .int64]).elementType
  }

  /// Sets `offsets[i]` to `body(i, index)`, where `index` is element `i` of the input.
  /// - Throws: the errors of `body`
  @inlinable @inline(__always)
  package func fill(
    _ buffers: Buffers, count: Int, _ offsets: UnsafeMutablePointer<Int>,
    _ body: (_ index: Int, _ position: Int) throws(OperatorError) -> Int
  ) throws(OperatorError) {
    if type == .int32 {
      let x = buffers.input(input, as: Int32.self)
      for i in 0..<count { offsets[i] = try body(i, Int(x[i])) }
    } else {
      let x = buffers.input(input, as: Int64.self)
      for i in 0..<count { offsets[i] = try body(i, Int(x[i])) }
    }
  }

  /// An index counted from 0, for one that counts from the end if negative.
  /// - Throws: `OperatorError.input` for an index out of bounds
  @inlinable @inline(__always)
  package func check(_ position: Int, _ size: Int, at index: Int) throws(OperatorError) -> Int {
    let resolved = position < 0 ? position &+ size : position
    guard resolved >= 0, resolved < size else { throw outOfBounds(position, size, index) }
    return resolved
  }

  @inline(never) @usableFromInline
  package func outOfBounds(_ position: Int, _ size: Int, _ index: Int) -> OperatorError {
    .input(input, "index \(position) at element \(index) is out of bounds for size \(size)")
  }
}

/// `y[i] = x[offsets[i]]` for elements or blocks of elements. `offsets` is at the start of the scratch
/// memory.
package struct BlockGather: Mover {
  /// The number of elements of a block.
  package let block: Int
  package let count: Int
  package let tiles: Tiles

  package init(block: Int, count: Int) {
    self.block = block
    self.count = count
    tiles = Tiles(count, cost: block)
  }

  package func move<T>(_ type: T.Type, _ buffers: Buffers, task: Int) {
    let offsets = buffers.scratch.assumingMemoryBound(to: Int.self)
    let x = buffers.input(0, as: T.self)
    let y = buffers.output(0, as: T.self)
    if block == 1 {
      for i in tiles[task] { y[i] = x[offsets[i]] }
    } else {
      for i in tiles[task] { (y + i * block).update(from: x + offsets[i] * block, count: block) }
    }
  }

  /// A kernel that calls `fill` to write the offsets, in units of blocks, and then moves the elements.
  package func kernel(
    _ type: ElementType,
    _ fill: @escaping @Sendable (Buffers, UnsafeMutablePointer<Int>) throws(OperatorError) -> Void
  ) throws(OperatorError) -> Kernel {
    var mover = self
    var chunk = Chunk(type)
    if let wide = chunk.times(block) {
      chunk = wide
      mover = BlockGather(block: 1, count: count)
    }
    let tile = mover.tile(chunk)
    let tasks = mover.tiles.count
    return .compute(scratch: try scratchBytes(count)) { buffers throws(OperatorError) in
      try fill(buffers, buffers.scratch.assumingMemoryBound(to: Int.self))
      buffers.parallel(tasks, tile)
    }
  }
}

/// The size of scratch memory for `count` `Int`s, in bytes.
/// - Throws: `OperatorError.memory` on overflow
package func scratchBytes(_ count: Int) throws(OperatorError) -> Int {
  let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Int>.stride)
  if overflow { throw .memory(needed: Int.max, limit: Int.max) }
  return bytes
}
