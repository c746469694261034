import ONNXFormat

extension Reduction {
  /// A kernel that reduces input 0 into output 0; `finish` makes a result's element of what the
  /// reducer gathered.
  func kernel<R: Reducer, Y>(
    _ reducer: R.Type, _ finish: @escaping @Sendable (R.Accumulator) -> Y
  ) -> Kernel {
    if outputs == 0 || inputsPerOutput == 0 {
      let outputs = outputs
      return .compute { buffers in
        let y = buffers.output(0, as: Y.self)
        for i in 0..<outputs { y[i] = finish(R.identity) }
      }
    }
    return isInnermost ? runKernel(reducer, finish) : rowKernel(reducer, finish)
  }

  /// Results of many elements are gathered in parts, at most so many. Their number depends on the
  /// elements of a result alone, so that the others' bits do not.
  private static var mostParts: Int { 64 }
  private static var taskSize: Int { 32768 }

  private func parts(_ size: Int) -> Int {
    max(1, min(Self.mostParts, inputsPerOutput / size))
  }

  private func runKernel<R: Reducer, Y>(
    _ reducer: R.Type, _ finish: @escaping @Sendable (R.Accumulator) -> Y
  ) -> Kernel {
    let parts = parts(2 * Self.taskSize)
    if parts == 1 {
      let outputsPerTask = max(1, Self.taskSize / inputsPerOutput)
      let tile: Buffers.Tile = { buffers, task, _ in
        let x = buffers.input(0, as: R.Element.self)
        let y = buffers.output(0, as: Y.self)
        let first = task * outputsPerTask
        kept.forEach(first..<min(outputs, first + outputsPerTask)) { output, places in
          var result = R.identity
          reduced.forEach(0..<reduced.count) {
            result = R.combine(result, R.reduce(x + places[0] + $1[0], length))
          }
          y[output] = finish(result)
        }
      }
      let tasks = (outputs - 1) / outputsPerTask + 1
      return .compute { buffers in buffers.parallel(tasks, tile) }
    }
    let gather: Gather<R> = { x, _, part, y in
      if reduced.count > 1 {
        reduced.forEach(slice(reduced.count, part, of: parts)) {
          y[0] = R.combine(y[0], R.reduce(x + $1[0], length))
        }
      } else {
        let range = slice(length, part, of: parts)
        y[0] = R.combine(y[0], R.reduce(x + range.lowerBound, range.count))
      }
    }
    if outputs < 16 { return partKernel(reducer, finish, parts: parts, width: 1, gather) }
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: R.Element.self)
      kept.forEach(task..<task + 1) { output, places in
        var result = R.identity
        for part in 0..<parts {
          var own = R.identity
          gather(x + places[0], 1, part, &own)
          result = R.combine(result, own)
        }
        buffers.output(0, as: Y.self)[output] = finish(result)
      }
    }
    return .compute { buffers in buffers.parallel(outputs, tile) }
  }

  private func rowKernel<R: Reducer, Y>(
    _ reducer: R.Type, _ finish: @escaping @Sendable (R.Accumulator) -> Y
  ) -> Kernel {
    let parts = parts(128)
    let gather: Gather<R> = { x, width, part, y in
      let groups = reduced.count > 1 ? slice(reduced.count, part, of: parts) : 0..<1
      let rows = reduced.count > 1 ? 0..<rows : slice(rows, part, of: parts)
      reduced.forEach(groups) {
        R.accumulate(
          x + $1[0] + rows.lowerBound * rowStride, stride: rowStride, rows: rows.count, into: y,
          width)
      }
    }
    let lengthOfTask = min(length, 1024)
    if parts > 1, outputs < 16 * lengthOfTask,
      Int.work(inputsPerOutput, lengthOfTask) >= 8 * Self.taskSize
    {
      return partKernel(reducer, finish, parts: parts, width: length, gather)
    }
    // A block of results at a time stays in the cache; short rows share a task.
    let block = lengthOfTask
    let blocks = (length - 1) / block + 1
    let rowsPerTask = blocks > 1 ? 1 : max(1, Self.taskSize / .work(inputsPerOutput, block))
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: R.Element.self)
      let y = buffers.output(0, as: Y.self)
      let start = task % blocks * block
      let size = min(block, length - start)
      let first = task / blocks * rowsPerTask
      withUnsafeTemporaryAllocation(of: R.Accumulator.self, capacity: 2 * block) { memory in
        guard let results = memory.baseAddress else { return }
        let own = results + block
        kept.forEach(first..<min(kept.count, first + rowsPerTask)) { row, places in
          results.update(repeating: R.identity, count: size)
          for part in 0..<parts {
            if parts == 1 {
              gather(x + places[0] + start, size, 0, results)
            } else {
              own.update(repeating: R.identity, count: size)
              gather(x + places[0] + start, size, part, own)
              for i in 0..<size { results[i] = R.combine(results[i], own[i]) }
            }
          }
          let y = y + row * length + start
          for i in 0..<size { y[i] = finish(results[i]) }
        }
      }
    }
    let tasks = ((kept.count - 1) / rowsPerTask + 1) * blocks
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }

  /// Adds the elements of a part, of the results whose elements begin at `x`, to `width` results.
  private typealias Gather<R: Reducer> =
    @Sendable (
      _ x: UnsafePointer<R.Element>, _ width: Int, _ part: Int,
      _ y: UnsafeMutablePointer<R.Accumulator>
    ) -> Void

  /// A kernel that gathers each result, or row of `width` results, in parts, and then puts the parts
  /// together.
  private func partKernel<R: Reducer, Y>(
    _ reducer: R.Type, _ finish: @escaping @Sendable (R.Accumulator) -> Y, parts: Int, width: Int,
    _ gather: @escaping Gather<R>
  ) -> Kernel {
    let outputs = outputs
    let tile: Buffers.Tile = { buffers, task, _ in
      let results =
        buffers.scratch.assumingMemoryBound(to: R.Accumulator.self) + task * width
      results.update(repeating: R.identity, count: width)
      let x = buffers.input(0, as: R.Element.self)
      kept.forEach(task / parts..<task / parts + 1) { _, places in
        gather(x + places[0], width, task % parts, results)
      }
    }
    let scratch = parts * outputs * MemoryLayout<R.Accumulator>.stride
    return .compute(scratch: scratch) { buffers in
      buffers.parallel(outputs / width * parts, tile)
      let results = buffers.scratch.assumingMemoryBound(to: R.Accumulator.self)
      let y = buffers.output(0, as: Y.self)
      for output in 0..<outputs {
        var result = R.identity
        for part in 0..<parts {
          result = R.combine(
            result, results[(output / width * parts + part) * width + output % width])
        }
        y[output] = finish(result)
      }
    }
  }
}

/// The part of `0..<count` with that number.
private func slice(_ count: Int, _ part: Int, of parts: Int) -> Range<Int> {
  let size = (count - 1) / parts + 1
  return min(count, part * size)..<min(count, (part + 1) * size)
}
