import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Kernels for the gradient of a convolution for its weights: products of the result's gradient and
/// the windows of the image, summed over the images.
///
/// Output 0 is `[groups · maps, channels, …]`; output 1 has the sums over images and positions.
struct WeightGradient: Sendable {
  let geometry: ConvolutionGeometry
  /// The input indices of the result's gradient and of the image.
  let g: Int
  let x: Int
  let hasBias: Bool

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard call.wants(0) else { throw .output(0, "this output is required") }
    guard geometry.groups > 0, geometry.maps > 0 else { return .compute { _ in } }
    switch try call.elementType(0) {
    case .float32 where !geometry.isEmpty && geometry.depth > 0:
      if geometry.window.isWhole { return try wholeKernel() }
      if let sums = ChannelSums(self) { return sums.kernel(threads: call.threads) }
      if let correlation = WeightCorrelation(self) {
        return correlation.kernel(threads: call.threads)
      }
      return try floatKernel(threads: call.threads)
    case .float32: return kernel(threads: call.threads, Float.self)
    case .float64: return kernel(threads: call.threads, Double.self)
    case .float16, .bfloat16:
      return try call.widened { (wide) throws(OperatorError) in try kernel(wide) }
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  /// The division of the work into runs of images, each with its own sums, and blocks of channels
  /// whose columns fit the second-level cache.
  private struct Cut: Sendable {
    let parts: Int
    let channels: Int
    let blocks: Int

    init(_ geometry: ConvolutionGeometry) {
      let weights = Int.work(geometry.groups, geometry.maps, geometry.depth)
      parts = max(min(geometry.batch, 16, 4_194_304 / max(weights, 1)), 1)
      let columns = Int.work(geometry.window.kernelCount, geometry.window.outputCount)
      let wanted = max(8 / (parts * geometry.groups), 1)
      let most = (geometry.channels + wanted - 1) / wanted
      channels = max(min(131_072 / max(columns, 1), most), 1)
      blocks = (geometry.channels + channels - 1) / channels
    }
  }

  private func floatKernel(threads: Int) throws(OperatorError) -> Kernel {
    let (geometry, window) = (geometry, geometry.window)
    let (gIndex, xIndex, hasBias) = (g, x, hasBias)
    let cut = Cut(geometry)
    let (places, size, depth) = (window.outputCount, window.kernelCount, geometry.depth)
    let maps = geometry.groups * geometry.maps
    let weights = Int.work(maps, depth)
    let last = geometry.channels - (cut.blocks - 1) * cut.channels
    func product(_ channels: Int) throws(OperatorError) -> GEMM<Float> {
      try GEMM<Float>(
        rows: geometry.maps, columns: channels * size, depth: places, transposeB: true,
        strideC: depth, isTiled: false)
    }
    let whole = try product(cut.channels)
    let rest = try product(last)
    let shape = window.c
    let isCopied = !window.isPointwise
    let sum = Int.total(weights, maps).vectors
    let sums = cut.parts > 1 ? Int.work(cut.parts, sum) : 0
    let memory = isCopied ? Int.work(cut.channels, size, places).vectors : 0

    let tile: Buffers.Tile = { buffers, task, thread in
      let block = task % cut.blocks
      let group = task / cut.blocks % geometry.groups
      let part = task / cut.blocks / geometry.groups
      let scratch = buffers.scratch.assumingMemoryBound(to: Float.self)
      let columns = scratch + sums + thread * memory
      let result = cut.parts > 1 ? scratch + part * sum : buffers.output(0, as: Float.self)
      let target = result + group * geometry.maps * depth + block * cut.channels * size
      let bias =
        cut.parts > 1 ? result + weights : hasBias ? buffers.output(1, as: Float.self) : result
      var multiply = block == cut.blocks - 1 ? rest : whole
      multiply.beta = 0
      let count = block == cut.blocks - 1 ? last : cut.channels
      for n in part * geometry.batch / cut.parts..<(part + 1) * geometry.batch / cut.parts {
        let image = n * geometry.groups + group
        let source =
          buffers.input(xIndex, as: Float.self)
          + (image * geometry.channels + block * cut.channels) * window.inputCount
        let gradient = buffers.input(gIndex, as: Float.self) + image * geometry.maps * places
        if isCopied {
          withUnsafePointer(to: shape) { ck_im2col($0, source, count, 0, places, columns) }
        }
        multiply.multiply(tile: 0, gradient, isCopied ? UnsafePointer(columns) : source, target)
        if hasBias && block == 0 {
          for map in 0..<geometry.maps {
            let total = Float(ck_reduce_sum(gradient + map * places, places))
            let place = group * geometry.maps + map
            bias[place] = multiply.beta == 0 ? total : bias[place] + total
          }
        }
        multiply.beta = 1
      }
    }

    let add = self.sum(parts: cut.parts, weights: weights, maps: maps, stride: sum)
    let tasks = cut.parts * geometry.groups * cut.blocks
    let scratch = Int.work(
      .total(sums, .work(threads, memory)), MemoryLayout<Float>.stride)
    return .compute(scratch: scratch) { buffers in
      buffers.parallel(tasks, tile)
      if cut.parts > 1 { buffers.parallel(add.tasks, add.tile) }
    }
  }

  /// Adds up the partial sums, which are `stride` floats apart in the scratch memory: sums of the
  /// weights, then sums of the bias.
  func sum(
    parts: Int, weights: Int, maps: Int, stride: Int
  ) -> (tasks: Int, tile: Buffers.Tile) {
    let elements = weights + (hasBias ? maps : 0)
    let tiles = Tiles(elements, cost: parts)
    let tile: Buffers.Tile = { buffers, task, _ in
      let scratch = buffers.scratch.assumingMemoryBound(to: Float.self)
      let range = tiles[task]
      func add(_ range: Range<Int>, _ y: UnsafeMutablePointer<Float>) {
        y.update(from: scratch + range.lowerBound, count: range.count)
        for part in 1..<parts {
          let x = scratch + part * stride + range.lowerBound
          for i in 0..<range.count { y[i] += x[i] }
        }
      }
      let own = range.clamped(to: 0..<weights)
      if !own.isEmpty { add(own, buffers.output(0, as: Float.self) + own.lowerBound) }
      let biases = range.clamped(to: weights..<elements)
      if !biases.isEmpty {
        add(biases, buffers.output(1, as: Float.self) + (biases.lowerBound - weights))
      }
    }
    return (tiles.count, tile)
  }

  /// Sets the gradients of the biases of `count` output channels from `map` on, over some images.
  func setBias(
    _ buffers: Buffers, _ images: Range<Int>, map: Int, _ count: Int,
    _ bias: UnsafeMutablePointer<Float>
  ) {
    let (maps, places) = (geometry.groups * geometry.maps, geometry.window.outputCount)
    bias.update(repeating: 0, count: count)
    for n in images {
      let gradient = buffers.input(g, as: Float.self) + (n * maps + map) * places
      for index in 0..<count {
        bias[index] += Float(ck_reduce_sum(gradient + index * places, places))
      }
    }
  }

  /// For one window that covers the image: one matrix product over all images.
  private func wholeKernel() throws(OperatorError) -> Kernel {
    let (geometry, depth) = (geometry, geometry.depth)
    let (gIndex, xIndex, hasBias) = (g, x, hasBias)
    let product = try GEMM<Float>(
      rows: geometry.maps, columns: depth, depth: geometry.batch, transposeA: true,
      strideA: geometry.groups * geometry.maps, strideB: geometry.groups * depth, strideC: depth)
    let maps = geometry.groups * geometry.maps
    let tile: Buffers.Tile = { buffers, task, _ in
      let group = task / product.tiles
      product.multiply(
        tile: task % product.tiles, buffers.input(gIndex) + group * geometry.maps,
        buffers.input(xIndex) + group * depth, buffers.output(0) + group * geometry.maps * depth)
    }
    return .compute { buffers in
      buffers.parallel(geometry.groups * product.tiles, tile)
      guard hasBias else { return }
      let bias = buffers.output(1, as: Float.self)
      let g = buffers.input(gIndex, as: Float.self)
      bias.update(from: g, count: maps)
      for n in 1..<max(geometry.batch, 1) {
        for map in 0..<maps { bias[map] += g[n * maps + map] }
      }
    }
  }

  /// The gradient by plain loops, one output channel at a time.
  private func kernel<T: RealElement>(threads: Int, _ type: T.Type) -> Kernel {
    let (geometry, window) = (geometry, geometry.window)
    let (gIndex, xIndex, hasBias) = (g, x, hasBias)
    let depth = geometry.depth
    let maps = geometry.groups * geometry.maps
    let tile: Buffers.Tile = { buffers, map, thread in
      let sums = buffers.scratch.assumingMemoryBound(to: T.Compute.self) + thread * depth
      sums.update(repeating: 0, count: depth)
      var bias: T.Compute = 0
      for n in 0..<geometry.batch {
        let image = n * geometry.groups + map / geometry.maps
        let x =
          buffers.input(xIndex, as: T.self) + image * geometry.channels * window.inputCount
        let g = buffers.input(gIndex, as: T.self) + (n * maps + map) * window.outputCount
        window.forEach { cz, cy, cx, index in
          let value = g[index].compute
          bias += value
          for channel in 0..<geometry.channels {
            let x = x + channel * window.inputCount
            let sums = sums + channel * window.kernelCount
            window.forEachElement(cz, cy, cx) { place, kernelPlace in
              sums[kernelPlace] += value * x[place].compute
            }
          }
        }
      }
      let y = buffers.output(0, as: T.self) + map * depth
      for i in 0..<depth { y[i] = T(compute: sums[i]) }
      if hasBias { buffers.output(1, as: T.self)[map] = T(compute: bias) }
    }
    return .compute(scratch: .work(threads, depth, MemoryLayout<T.Compute>.stride)) { buffers in
      buffers.parallel(maps, tile)
    }
  }
}
