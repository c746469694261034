import ONNXFormat
import ONNXOperators

extension Reduction {
  /// A kernel that reduces input 0 into output 0.
  /// - Parameter finish: Converts an accumulator to an element of the output.
  func kernel<R: Reducer, Y>(
    _ reducer: R.Type, _ finish: @escaping @Sendable (R.Accumulator) -> Y
  ) -> Kernel {
    kernel(ErasedReducer(reducer, finish))
  }

  /// The number of results a task computes together: one, or a block of a row that fits in the
  /// cache.
  private var width: Int { isInnermost ? 1 : min(length, 1024) }
  private var blocks: Int { (rowLength - 1) / width + 1 }
  /// The distance from one row of results to the next.
  private var rowLength: Int { isInnermost ? 1 : length }
  private static var taskSize: Int { 32768 }

  /// The number of parts into which the elements of a result are split. It depends only on the
  /// number of those elements, so that the bits of a result do not depend on what else is reduced
  /// with it.
  private var parts: Int {
    max(1, min(64, inputsPerOutput / (isInnermost ? 2 * Self.taskSize : 128)))
  }

  @inline(never)
  private func kernel(_ reducer: ErasedReducer) -> Kernel {
    if outputs == 0 || inputsPerOutput == 0 { return emptyKernel(reducer) }
    // A few results of many elements keep all threads busy only if their parts are separate tasks.
    if areRuns, length <= 128 { return runsKernel(reducer) }
    let isShared =
      parts > 1 && kept.count * blocks < 16
      && Int.work(inputsPerOutput, width) >= (isInnermost ? 2 : 8) * Self.taskSize
    return isShared ? sharedKernel(reducer) : wholeKernel(reducer)
  }

  private func emptyKernel(_ reducer: ErasedReducer) -> Kernel {
    let outputs = outputs
    return .compute { buffers in
      withAccumulators(reducer, 1) { result in
        reducer.reset(result, 1)
        let y = UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self))
        for i in 0..<outputs { reducer.finish(result, y + i * reducer.sizes.result, 1) }
      }
    }
  }

  /// A kernel for results whose elements are short runs, one behind the other: a block of them is
  /// computed at a time.
  private func runsKernel(_ reducer: ErasedReducer) -> Kernel {
    let (outputs, length) = (outputs, length)
    let block = 256
    let resultsPerTask = max(1, Self.taskSize / Int.work(length, block)) * block
    let tile: Buffers.Tile = { buffers, task, _ in
      let (x, y) = Self.addresses(buffers)
      let end = min(outputs, (task + 1) * resultsPerTask)
      withAccumulators(reducer, block) { results in
        for first in stride(from: task * resultsPerTask, to: end, by: block) {
          let size = min(block, end - first)
          reducer.reset(results, size)
          reducer.reduceRuns(x + first * length * reducer.sizes.element, length, results, size)
          reducer.finish(results, y + first * reducer.sizes.result, size)
        }
      }
    }
    return .compute { buffers in buffers.parallel((outputs - 1) / resultsPerTask + 1, tile) }
  }

  /// A kernel in which each task computes whole results, several if the rows are short.
  private func wholeKernel(_ reducer: ErasedReducer) -> Kernel {
    let (width, blocks, parts) = (width, blocks, parts)
    let rowsPerTask = blocks > 1 ? 1 : max(1, Self.taskSize / Int.work(inputsPerOutput, width))
    let tile: Buffers.Tile = { buffers, task, _ in
      let (x, y) = Self.addresses(buffers)
      let column = task % blocks * width
      let size = min(width, rowLength - column)
      let first = task / blocks * rowsPerTask
      withAccumulators(reducer, 2 * width) { results in
        let own = results + width * reducer.sizes.accumulator
        kept.forEach(first..<min(kept.count, first + rowsPerTask)) { row, places in
          let start = x + (places[0] + column) * reducer.sizes.element
          reducer.reset(results, size)
          if parts == 1 {
            gather(reducer, start, part: 0, of: 1, into: results, size)
          } else {
            for part in 0..<parts {
              reducer.reset(own, size)
              gather(reducer, start, part: part, of: parts, into: own, size)
              reducer.merge(own, results, size)
            }
          }
          reducer.finish(results, y + (row * rowLength + column) * reducer.sizes.result, size)
        }
      }
    }
    let tasks = ((kept.count - 1) / rowsPerTask + 1) * blocks
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }

  /// A kernel in which each task computes one part of a result or a block of results. The parts are
  /// merged afterwards.
  private func sharedKernel(_ reducer: ErasedReducer) -> Kernel {
    let (width, blocks, parts) = (width, blocks, parts)
    let units = kept.count * blocks
    let stride = width * reducer.sizes.accumulator
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = Self.addresses(buffers).x
      let (unit, part) = task.quotientAndRemainder(dividingBy: parts)
      let column = unit % blocks * width
      let size = min(width, rowLength - column)
      let results = buffers.scratch + task * stride
      reducer.reset(results, size)
      kept.forEach(unit / blocks..<unit / blocks + 1) { _, places in
        let start = x + (places[0] + column) * reducer.sizes.element
        gather(reducer, start, part: part, of: parts, into: results, size)
      }
    }
    return .compute(scratch: units * parts * stride + stride) { buffers in
      buffers.parallel(units * parts, tile)
      let y = Self.addresses(buffers).y
      let results = buffers.scratch + units * parts * stride
      for unit in 0..<units {
        let column = unit % blocks * width
        let size = min(width, rowLength - column)
        reducer.reset(results, size)
        for part in 0..<parts {
          reducer.merge(buffers.scratch + (unit * parts + part) * stride, results, size)
        }
        let place = unit / blocks * rowLength + column
        reducer.finish(results, y + place * reducer.sizes.result, size)
      }
    }
  }

  /// Combines the elements of one part into the results of a row, whose first element is at `x`.
  private func gather(
    _ reducer: ErasedReducer, _ x: UnsafeRawPointer, part: Int, of parts: Int,
    into results: UnsafeMutableRawPointer, _ size: Int
  ) {
    let element = reducer.sizes.element
    let inner = isInnermost ? length : rows
    let groups = reduced.count > 1 ? slice(reduced.count, part, of: parts) : 0..<1
    let own = reduced.count > 1 ? 0..<inner : slice(inner, part, of: parts)
    if isInnermost {
      reduced.forEach(groups) {
        reducer.reduce(x + ($1[0] + own.lowerBound) * element, own.count, results)
      }
    } else {
      reduced.forEach(groups) {
        reducer.accumulate(
          x + ($1[0] + own.lowerBound * rowStride) * element, rowStride, own.count, results, size)
      }
    }
  }

  private static func addresses(
    _ buffers: Buffers
  ) -> (x: UnsafeRawPointer, y: UnsafeMutableRawPointer) {
    (
      UnsafeRawPointer(buffers.input(0, as: UInt8.self)),
      UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self))
    )
  }
}

/// Calls `body` with temporary memory for `count` accumulators.
private func withAccumulators(
  _ reducer: ErasedReducer, _ count: Int, _ body: (UnsafeMutableRawPointer) -> Void
) {
  withUnsafeTemporaryAllocation(
    byteCount: count * reducer.sizes.accumulator, alignment: 16
  ) { memory in
    if let base = memory.baseAddress { body(base) }
  }
}

/// Part number `part` of `0..<count`.
private func slice(_ count: Int, _ part: Int, of parts: Int) -> Range<Int> {
  if parts == 1 { return 0..<count }
  let size = (count - 1) / parts + 1
  return min(count, part * size)..<min(count, (part + 1) * size)
}
