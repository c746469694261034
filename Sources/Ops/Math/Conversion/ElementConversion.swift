import ONNXFormat
import ONNXOperators

/// A conversion between element types: a chain of loops, by way of `Float`, `Double`, `Int64` or
/// `UInt64` if there is no direct loop.
struct ElementConversion: Sendable {
  /// The attributes of Cast that control conversion to types of at most 8 bits.
  struct Rules: Sendable {
    /// Whether values out of range become the largest finite value.
    var isSaturating = true
    var scaleRounding = Float8E8M0.Rounding.up
  }

  private let steps: [ConversionStep]

  /// Returns `nil` if either type is not numeric, or if both are the same.
  init?(from source: ElementType, to target: ElementType, _ rules: Rules = Rules()) {
    if target == .float32, let step = ConversionStep.toFloat(from: source) {
      steps = [step]
      return
    }
    guard source != target, let load = ConversionStep.load(source),
      let store = ConversionStep.store(load.result, target, rules)
    else { return nil }
    let steps = load.steps + store
    // 64-bit integers have the same bits, signed or not.
    self.steps = steps.isEmpty ? [ConversionStep { (x: UInt64) in x }] : steps
  }

  /// `y[i] = x[i]` for `i < count`. The buffers must not overlap.
  func callAsFunction(_ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ count: Int) {
    guard let last = steps.last else { return }
    if steps.count == 1 { return last.run(x, y, count) }
    let block = 512
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * block) { memory in
      guard let base = memory.baseAddress else { return }
      let halves = (UnsafeMutableRawPointer(base), UnsafeMutableRawPointer(base + block))
      for start in stride(from: 0, to: count, by: block) {
        let size = min(block, count - start)
        var input = x + start * steps[0].stride
        for index in 0..<steps.count - 1 {
          let output = index % 2 == 0 ? halves.0 : halves.1
          steps[index].run(input, output, size)
          input = UnsafeRawPointer(output)
        }
        last.run(input, y + start * last.resultStride, size)
      }
    }
  }

  /// A kernel that converts input 0 into output 0.
  func kernel(_ count: Int) -> Kernel {
    let tiles = Tiles(count, cost: steps.count)
    let strides = (steps[0].stride, steps[steps.count - 1].resultStride)
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      self(
        UnsafeRawPointer(buffers.input(0, as: UInt8.self) + range.lowerBound * strides.0),
        UnsafeMutableRawPointer(buffers.output(0, as: UInt8.self) + range.lowerBound * strides.1),
        range.count)
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

/// One loop of a conversion.
struct ConversionStep: Sendable {
  let run: @Sendable (UnsafeRawPointer, UnsafeMutableRawPointer, Int) -> Void
  let stride: Int
  let resultStride: Int

  /// `y[i] = f(x[i])`
  init<X, Y>(_ loop: @escaping @Sendable (UnsafePointer<X>, UnsafeMutablePointer<Y>, Int) -> Void) {
    run = { loop($0.assumingMemoryBound(to: X.self), $1.assumingMemoryBound(to: Y.self), $2) }
    stride = MemoryLayout<X>.stride
    resultStride = MemoryLayout<Y>.stride
  }

  @inline(__always)
  init<X, Y>(_ f: @escaping @Sendable (X) -> Y) {
    self.init { (x: UnsafePointer<X>, y: UnsafeMutablePointer<Y>, count) in
      for i in 0..<count { y[i] = f(x[i]) }
    }
  }
}
