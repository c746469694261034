import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

extension Resampling {
  /// The kernel that resamples input 0 along its axes.
  func kernel(_ call: Preparation, _ axes: [Axis]) throws(OperatorError) -> Kernel {
    let count = try call.count(axes.map(\.output))
    _ = try call.count(axes.map(\.input))
    let type = try call.elementType(0)
    guard count > 0 else { return .compute { _ in } }
    guard axes.allSatisfy({ $0.input > 0 }) else {
      throw .input(0, "an axis of size 0 can only be resized to size 0")
    }
    if mode == .nearest, coordinates != .cropAndResize {
      switch type.stride {
      case 1: return nearestKernel(axes, UInt8.self)
      case 2: return nearestKernel(axes, UInt16.self)
      case 4: return nearestKernel(axes, UInt32.self)
      case 8: return nearestKernel(axes, UInt64.self)
      default:
        return type == .string
          ? nearestKernel(axes, String.self) : nearestKernel(axes, SIMD2<UInt64>.self)
      }
    }
    switch type {
    case .float32: return kernel(axes, Conversion<Float>(Float.self))
    case .float64: return kernel(axes, Conversion<Double>(Double.self))
    case .float16, .bfloat16:
      return try call.widened { (wide) throws(OperatorError) in try kernel(wide, axes) }
    case .int8: return kernel(axes, Conversion<Float>(Int8.self))
    case .uint8: return kernel(axes, Conversion<Float>(UInt8.self))
    case .int16: return kernel(axes, Conversion<Double>(Int16.self))
    case .uint16: return kernel(axes, Conversion<Double>(UInt16.self))
    case .int32: return kernel(axes, Conversion<Double>(Int32.self))
    case .uint32: return kernel(axes, Conversion<Double>(UInt32.self))
    case .int64: return kernel(axes, Conversion<Double>(Int64.self))
    case .uint64: return kernel(axes, Conversion<Double>(UInt64.self))
    case .complex64 where extrapolation == 0:
      return kernel(axes + [.complexParts], Conversion<Float>(Float.self))
    case .complex128 where extrapolation == 0:
      return kernel(axes + [.complexParts], Conversion<Double>(Double.self))
    default: throw .input(0, "element type \(type) cannot be interpolated")
    }
  }

  /// Copies elements by one table of offsets per axis.
  private func nearestKernel<T>(_ axes: [Axis], _ type: T.Type) -> Kernel {
    let this = self
    let tableSize = axes.reduce(0) { $0 + $1.output }
    let width = axes.last?.output ?? 1
    let rows = axes.dropLast().reduce(1) { $0 * $1.output }
    let tiles = Tiles(rows, cost: width)
    let tile: Buffers.Tile = { buffers, task, _ in
      let tables = buffers.scratch.assumingMemoryBound(to: Int.self)
      let x = buffers.input(0, as: T.self)
      let y = buffers.output(0, as: T.self)
      let last = tables + (tableSize - width)
      for row in tiles[task] {
        var rest = row
        var start = 0
        var table = last
        for axis in axes.dropLast().reversed() {
          table -= axis.output
          start += table[rest % axis.output]
          rest /= axis.output
        }
        for i in 0..<width { y[row * width + i] = x[start + (axes.isEmpty ? 0 : last[i])] }
      }
    }
    return .compute(scratch: .work(tableSize, MemoryLayout<Int>.stride)) { buffers in
      var table = buffers.scratch.assumingMemoryBound(to: Int.self) + tableSize
      var stride = 1
      for axis in axes.reversed() {
        table -= axis.output
        for i in 0..<axis.output {
          let place = this.isIdentity(axis) ? i : this.nearest(this.coordinate(i, axis), axis)
          table[i] = place * stride
        }
        stride *= axis.input
      }
      buffers.parallel(tiles.count, tile)
    }
  }

  /// The passes along the axes that are resampled, from sizes to other sizes, and the largest number
  /// of elements before or after a pass.
  private func passes(
    _ axes: [Axis], from source: KeyPath<Axis, Int>, to target: KeyPath<Axis, Int>
  ) -> (passes: [Pass], largest: Int) {
    var passes: [Pass] = []
    var sizes = axes.map { $0[keyPath: source] }
    var largest = sizes.elementCount ?? Int.max
    for (index, axis) in axes.enumerated() where !isIdentity(axis) {
      passes.append(
        Pass(
          axis: axis, outer: sizes[..<index].elementCount ?? Int.max,
          inner: sizes[(index + 1)...].elementCount ?? Int.max))
      sizes[index] = axis[keyPath: target]
      largest = max(largest, sizes.elementCount ?? Int.max)
    }
    return (passes, largest)
  }

  /// The size in bytes of the table of a pass.
  private func tableSize(_ passes: [Pass]) -> Int {
    passes.map { Int.work($0.axis.output, tapCount($0.axis), 16) }.max() ?? 0
  }

  /// Resamples one axis after the other in a floating-point type.
  private func kernel<C: BLASElement>(_ axes: [Axis], _ conversion: Conversion<C>) -> Kernel {
    let this = self
    let (passes, largest) = passes(axes, from: \.input, to: \.output)
    let input = axes.map(\.input).elementCount ?? 0
    let output = axes.map(\.output).elementCount ?? 0
    let half = Int.work(largest).vectors
    let values = Int.work(2, half, MemoryLayout<C>.stride)
    return .compute(scratch: .total(values, tableSize(passes))) { buffers in
      var from = buffers.scratch.assumingMemoryBound(to: C.self)
      var to = from + half
      let table = buffers.scratch + values
      conversion.load(buffers, from, 0..<input)
      for pass in passes {
        pass.fill(table, this)
        let (source, target) = (UnsafePointer(from), to)
        pass.run(source, target, table, this, buffers.pool)
        swap(&from, &to)
      }
      conversion.store(buffers, from, 0..<output)
    }
  }

  /// The kernel of the gradient: adds each element of input 0, the result's gradient, to the
  /// elements of the input that contributed to it.
  func gradientKernel(_ call: Preparation, _ axes: [Axis]) throws(OperatorError) -> Kernel {
    let input = try call.count(axes.map(\.input))
    let type = try call.elementType(0)
    guard try call.count(axes.map(\.output)) > 0, input > 0 else {
      let bytes = input * type.stride
      return .compute { $0.bytes(output: 0).update(repeating: 0, count: bytes) }
    }
    switch type {
    case .float32: return gradientKernel(axes, Conversion<Float>(Float.self))
    case .float64: return gradientKernel(axes, Conversion<Double>(Double.self))
    case .float16, .bfloat16:
      return try call.widened { (wide) throws(OperatorError) in try gradientKernel(wide, axes) }
    default: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func gradientKernel<C: BLASElement>(
    _ axes: [Axis], _ conversion: Conversion<C>
  ) -> Kernel {
    let this = self
    let (passes, largest) = passes(axes, from: \.output, to: \.input)
    let input = axes.map(\.input).elementCount ?? 0
    let output = axes.map(\.output).elementCount ?? 0
    let half = Int.work(largest).vectors
    let values = Int.work(2, half, MemoryLayout<C>.stride)
    /// The buffer that a pass reads and the previous pass writes.
    @Sendable func place(_ buffers: Buffers, _ pass: Int) -> UnsafeMutablePointer<C> {
      buffers.scratch.assumingMemoryBound(to: C.self) + pass % 2 * half
    }
    let steps = passes.enumerated().map { index, pass -> (Pass, Tiles, Buffers.Tile) in
      let tiles = Tiles(
        pass.outer, cost: .work(pass.axis.output, pass.inner, this.tapCount(pass.axis)))
      return (
        pass, tiles,
        { buffers, task, _ in
          pass.runBack(
            UnsafePointer(place(buffers, index)), place(buffers, index + 1),
            buffers.scratch + values, this, images: tiles[task])
        }
      )
    }
    let (outputs, inputs) = (Tiles(output), Tiles(input))
    let load: Buffers.Tile = { buffers, task, _ in
      conversion.load(buffers, place(buffers, 0), outputs[task])
    }
    let store: Buffers.Tile = { buffers, task, _ in
      conversion.store(buffers, place(buffers, steps.count), inputs[task])
    }
    return .compute(scratch: .total(values, tableSize(passes))) { buffers in
      buffers.parallel(outputs.count, load)
      for (pass, tiles, tile) in steps {
        pass.fill(buffers.scratch + values, this)
        buffers.parallel(tiles.count, tile)
      }
      buffers.parallel(inputs.count, store)
    }
  }

  /// The number of input elements per element of the result, in any mode.
  fileprivate func tapCount(_ axis: Axis) -> Int { mode == .nearest ? 1 : taps(axis) }
}

/// The conversion of the elements of input 0 and output 0 to and from the type that resampling
/// computes in.
private struct Conversion<C: BLASElement>: Sendable {
  let load: @Sendable (Buffers, UnsafeMutablePointer<C>, Range<Int>) -> Void
  let store: @Sendable (Buffers, UnsafePointer<C>, Range<Int>) -> Void

  init<T: ResampledElement>(_ type: T.Type) {
    load = { buffers, y, range in
      let x = buffers.input(0, as: T.self)
      for i in range { y[i] = x[i].resampled(as: C.self) }
    }
    store = { buffers, x, range in
      let y = buffers.output(0, as: T.self)
      for i in range { y[i] = T(resampled: x[i]) }
    }
  }
}

/// Resampling along one axis of `[outer, axis, inner]`.
private struct Pass: Sendable {
  let axis: Resampling.Axis
  let outer: Int
  let inner: Int

  /// Writes the indices, then the weights, for every element of the result. Index −1 denotes an
  /// element outside.
  func fill(_ table: UnsafeMutableRawPointer, _ rule: Resampling) {
    let taps = rule.tapCount(axis)
    let places = table.assumingMemoryBound(to: Int.self)
    let weights = (table + axis.output * taps * 8).assumingMemoryBound(to: Double.self)
    for i in 0..<axis.output {
      let coordinate = rule.coordinate(i, axis)
      if rule.mode == .nearest {
        places[i] = rule.nearest(coordinate, axis)
        weights[i] = 1
      } else {
        rule.weigh(coordinate, axis, places + i * taps, weights + i * taps)
      }
      if rule.isOutside(coordinate, axis) { places[i * taps] = -1 }
    }
  }

  func run<C: BLASElement>(
    _ x: UnsafePointer<C>, _ y: UnsafeMutablePointer<C>, _ table: UnsafeMutableRawPointer,
    _ rule: Resampling, _ pool: ThreadPool
  ) {
    let taps = rule.tapCount(axis)
    let places = UnsafePointer(table.assumingMemoryBound(to: Int.self))
    let weights = UnsafePointer(
      (table + axis.output * taps * 8).assumingMemoryBound(to: Double.self))
    for image in 0..<outer {
      let source = x + image * axis.input * inner
      for i in 0..<axis.output {
        let row = y + (image * axis.output + i) * inner
        if places[i * taps] < 0 {
          row.update(repeating: C(rule.extrapolation), count: inner)
          continue
        }
        row.update(repeating: 0, count: inner)
        for tap in 0..<taps {
          let weight = C(weights[i * taps + tap])
          // An element that does not count may be NaN or infinite.
          if weight == 0 { continue }
          let values = source + places[i * taps + tap] * inner
          for k in 0..<inner { row[k] += weight * values[k] }
        }
      }
    }
  }
}

extension Pass {
  /// The transpose of `run` for some of `outer`: adds the result's gradient g to the elements that
  /// contributed to it.
  fileprivate func runBack<C: BLASElement>(
    _ g: UnsafePointer<C>, _ x: UnsafeMutablePointer<C>, _ table: UnsafeMutableRawPointer,
    _ rule: Resampling, images: Range<Int>
  ) {
    let taps = rule.tapCount(axis)
    let places = UnsafePointer(table.assumingMemoryBound(to: Int.self))
    let weights = UnsafePointer(
      (table + axis.output * taps * 8).assumingMemoryBound(to: Double.self))
    for image in images {
      let target = x + image * axis.input * inner
      target.update(repeating: 0, count: axis.input * inner)
      for i in 0..<axis.output where places[i * taps] >= 0 {
        let row = g + (image * axis.output + i) * inner
        for tap in 0..<taps {
          let weight = C(weights[i * taps + tap])
          let values = target + places[i * taps + tap] * inner
          for k in 0..<inner { values[k] += weight * row[k] }
        }
      }
    }
  }
}
