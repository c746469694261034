import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Kernels for `ConvTranspose`: products of kernel and image, added where they overlap.
struct TransposedConvolution: Sendable {
  let batch: Int
  let groups: Int
  /// The number of input channels in a group.
  let channels: Int
  /// The number of output channels in a group.
  let maps: Int
  /// The windows over the result, one per element of the image.
  let window: Window
  let hasBias: Bool

  /// Computes columns of some output channels at a time by a matrix product, and adds them up.
  func floatKernel(threads: Int) throws(OperatorError) -> Kernel {
    if window.isPointwise && !hasBias { return try pointwiseKernel() }
    let this = self
    let shape = window.c
    let size = window.kernelCount
    let places = window.outputCount
    let columns = Int.work(size, places)
    let step = min(max(131_072 / columns, 1), maps)
    let blocks = (maps + step - 1) / step
    let last = maps - (blocks - 1) * step
    func product(_ maps: Int) throws(OperatorError) -> GEMM<Float> {
      try GEMM<Float>(
        rows: maps * size, columns: places, depth: channels, transposeA: true,
        strideA: self.maps * size, isTiled: false)
    }
    let whole = try product(step)
    let rest = try product(last)
    let memory = Int.work(step, columns).vectors
    let tile: Buffers.Tile = { buffers, task, thread in
      let block = task % blocks
      let image = task / blocks
      let group = image % this.groups
      let count = block == blocks - 1 ? last : step
      let columns = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * memory
      let map = block * step
      (count == step ? whole : rest).multiply(
        tile: 0, buffers.input(1) + (group * this.channels * this.maps + map) * size,
        buffers.input(0) + image * this.channels * places, columns)
      let y =
        buffers.output(0, as: Float.self) + (image * this.maps + map) * this.window.inputCount
      for index in 0..<count {
        let bias =
          this.hasBias
          ? buffers.input(2, as: Float.self)[group * this.maps + map + index] : 0
        (y + index * this.window.inputCount).update(
          repeating: bias, count: this.window.inputCount)
      }
      withUnsafePointer(to: shape) { ck_col2im($0, columns, count, y) }
    }
    let tasks = batch * groups * blocks
    return .compute(scratch: .work(threads, memory, MemoryLayout<Float>.stride)) { buffers in
      buffers.parallel(tasks, tile)
    }
  }

  /// One matrix product per image, for windows that do not overlap and cover one element each.
  private func pointwiseKernel() throws(OperatorError) -> Kernel {
    let this = self
    let places = window.outputCount
    let product = try GEMM<Float>(rows: maps, columns: places, depth: channels, transposeA: true)
    let tile: Buffers.Tile = { buffers, task, _ in
      let image = task / product.tiles
      let weights = image % this.groups * this.channels * this.maps
      product.multiply(
        tile: task % product.tiles, buffers.input(1) + weights,
        buffers.input(0) + image * this.channels * places,
        buffers.output(0) + image * this.maps * places)
    }
    let tasks = batch * groups * product.tiles
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }

  /// One matrix product for all images, for one window that covers the image.
  func wholeKernel() throws(OperatorError) -> Kernel {
    let this = self
    let columns = Int.work(maps, window.kernelCount)
    let product = try GEMM<Float>(
      rows: batch, columns: columns, depth: channels, strideA: groups * channels,
      strideC: groups * columns)
    let tile: Buffers.Tile = { buffers, task, _ in
      let group = task / product.tiles
      product.multiply(
        tile: task % product.tiles, buffers.input(0) + group * this.channels,
        buffers.input(1) + group * this.channels * columns, buffers.output(0) + group * columns)
    }
    return .compute { buffers in buffers.parallel(this.groups * product.tiles, tile) }
  }

  /// The convolution by plain loops, one output channel at a time.
  func kernel<T: RealElement>(threads: Int, _ type: T.Type) -> Kernel {
    let this = self
    let window = window
    let count = window.inputCount
    let tile: Buffers.Tile = { buffers, task, thread in
      let sums = buffers.scratch.assumingMemoryBound(to: T.Compute.self) + thread * count
      let image = task / this.maps
      let group = image % this.groups
      let map = task % this.maps
      let bias =
        this.hasBias ? buffers.input(2, as: T.self)[group * this.maps + map].compute : 0
      sums.update(repeating: bias, count: count)
      for channel in 0..<this.channels {
        let x =
          buffers.input(0, as: T.self) + (image * this.channels + channel) * window.outputCount
        let row = (group * this.channels + channel) * this.maps + map
        let w = buffers.input(1, as: T.self) + row * window.kernelCount
        window.forEach { cz, cy, cx, index in
          let value = x[index].compute
          window.forEachElement(cz, cy, cx) { place, kernelPlace in
            sums[place] += value * w[kernelPlace].compute
          }
        }
      }
      let y = buffers.output(0, as: T.self) + task * count
      for i in 0..<count { y[i] = T(compute: sums[i]) }
    }
    let tasks = batch * groups * maps
    return .compute(scratch: .work(threads, count, MemoryLayout<T.Compute>.stride)) { buffers in
      buffers.parallel(tasks, tile)
    }
  }
}
