import ONNXOperators

/// A type-erased reducer, so that the loops around it are compiled only once.
///
/// Pointers address elements, accumulators or results. Strides are in elements.
struct ErasedReducer: Sendable {
  /// The strides of an element, an accumulator and a result, in bytes.
  let sizes: (element: Int, accumulator: Int, result: Int)
  /// Sets accumulators to the identity.
  let reset: @Sendable (_ y: UnsafeMutableRawPointer, _ count: Int) -> Void
  /// Combines contiguous elements into one accumulator.
  let reduce: @Sendable (_ x: UnsafeRawPointer, _ count: Int, _ y: UnsafeMutableRawPointer) -> Void
  /// Combines `count` runs of `length` elements, one behind the other, each into an accumulator.
  let reduceRuns:
    @Sendable (_ x: UnsafeRawPointer, _ length: Int, _ y: UnsafeMutableRawPointer, _ count: Int) ->
      Void
  /// Combines rows of `count` elements, `stride` apart, into `count` accumulators.
  let accumulate:
    @Sendable (
      _ x: UnsafeRawPointer, _ stride: Int, _ rows: Int, _ y: UnsafeMutableRawPointer, _ count: Int
    ) -> Void
  /// Combines the accumulators `x` into `y`.
  let merge: @Sendable (_ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ count: Int) -> Void
  /// Converts accumulators to results.
  let finish: @Sendable (_ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ count: Int) -> Void

  init<R: Reducer, Y>(_ reducer: R.Type, _ finish: @escaping @Sendable (R.Accumulator) -> Y) {
    typealias Accumulator = R.Accumulator
    sizes = (
      MemoryLayout<R.Element>.stride, MemoryLayout<Accumulator>.stride, MemoryLayout<Y>.stride
    )
    reset = { y, count in
      y.assumingMemoryBound(to: Accumulator.self).update(repeating: R.identity, count: count)
    }
    reduce = { x, count, y in
      let y = y.assumingMemoryBound(to: Accumulator.self)
      y[0] = R.combine(y[0], R.reduce(x.assumingMemoryBound(to: R.Element.self), count))
    }
    reduceRuns = { x, length, y, count in
      R.reduceRuns(
        x.assumingMemoryBound(to: R.Element.self), length: length,
        into: y.assumingMemoryBound(to: Accumulator.self), count)
    }
    accumulate = { x, stride, rows, y, count in
      R.accumulate(
        x.assumingMemoryBound(to: R.Element.self), stride: stride, rows: rows,
        into: y.assumingMemoryBound(to: Accumulator.self), count)
    }
    merge = { x, y, count in
      let x = x.assumingMemoryBound(to: Accumulator.self)
      let y = y.assumingMemoryBound(to: Accumulator.self)
      for i in 0..<count { y[i] = R.combine(y[i], x[i]) }
    }
    self.finish = { x, y, count in
      let x = x.assumingMemoryBound(to: Accumulator.self)
      let y = y.assumingMemoryBound(to: Y.self)
      for i in 0..<count { y[i] = finish(x[i]) }
    }
  }
}
