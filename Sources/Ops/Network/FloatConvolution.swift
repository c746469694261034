import CKernels
import ONNXFormat

/// Convolution of float32 tensors with what follows it, tile by tile.
struct FloatConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue

  /// - Returns: `nil` for shapes that the plain loops of `DirectConvolution` do as well.
  func kernel(threads: Int) throws(OperatorError) -> Kernel? {
    let window = geometry.window
    if geometry.channels == 1 && (geometry.groups > 1 || geometry.maps <= 16) {
      let limit = 4 * window.inputCount + 65536
      guard let padded = window.paddedCount, padded <= limit else { return nil }
      return imageByImage(padded: window.hasPadding ? padded : nil, threads: threads)
    }
    if window.isPointwise { return try pointwise() }
    return try byColumns(threads: threads)
  }

  // MARK: One input channel for each output channel

  private func imageByImage(padded: Int?, threads: Int) -> Kernel {
    let geometry = geometry
    let epilogue = epilogue
    let window = geometry.window
    let shape = window.c
    let results = geometry.batch * geometry.groups * geometry.maps
    let maps = geometry.groups * geometry.maps
    let tiles = Tiles(results, cost: .work(window.outputCount, window.kernelCount))
    let size = (padded ?? 0).vectors
    let tile: Buffers.Tile = { buffers, task, thread in
      let x = buffers.input(0, as: Float.self)
      let w = buffers.input(1, as: Float.self)
      let y = buffers.output(0, as: Float.self)
      let scratch = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * size
      let range = tiles[task]
      var result = range.lowerBound
      while result < range.upperBound {
        let image = result / geometry.maps
        let count = min(range.upperBound, (image + 1) * geometry.maps) - result
        let map = result % maps
        withUnsafePointer(to: shape) { shape in
          ck_convolve_image(
            shape, x + image * window.inputCount, count, w + map * window.kernelCount,
            y + result * window.outputCount, padded == nil ? nil : scratch)
        }
        epilogue.finish(
          buffers, y, offset: result * window.outputCount, channel: map, rows: count,
          columns: window.outputCount, stride: window.outputCount)
        result += count
      }
    }
    return .compute(scratch: .work(threads, size, MemoryLayout<Float>.stride)) { buffers in
      buffers.parallel(tiles.count, tile)
    }
  }

  // MARK: 1×1 kernels: the image is the matrix

  private func pointwise() throws(OperatorError) -> Kernel {
    let geometry = geometry
    let epilogue = epilogue
    let places = geometry.window.outputCount
    let product = try GEMM<Float>(
      rows: geometry.maps, columns: places, depth: geometry.channels)
    let tile: Buffers.Tile = { buffers, task, _ in
      let image = task / product.tiles
      let (rows, columns) = product.tile(task % product.tiles)
      let group = image % geometry.groups
      let y = buffers.output(0, as: Float.self)
      let result = image * geometry.maps * places
      product.multiply(
        tile: task % product.tiles, buffers.input(1) + group * geometry.maps * geometry.channels,
        buffers.input(0) + image * geometry.channels * places, y + result)
      epilogue.finish(
        buffers, y, offset: result + rows.lowerBound * places + columns.lowerBound,
        channel: group * geometry.maps + rows.lowerBound, rows: rows.count,
        columns: columns.count, stride: places)
    }
    let tasks = geometry.batch * geometry.groups * product.tiles
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }

  // MARK: Windows copied into columns

  private func byColumns(threads: Int) throws(OperatorError) -> Kernel {
    let places = geometry.window.outputCount
    let images = geometry.batch * geometry.groups
    let size = blockSize
    let blocks = (places + size - 1) / size
    if images * blocks < 4 && .work(geometry.depth, places) <= 4 << 20 {
      return try byRows(images: images)
    }
    let geometry = geometry
    let epilogue = epilogue
    let shape = geometry.window.c
    let depth = geometry.depth
    let last = places - (blocks - 1) * size
    let whole = try GEMM<Float>(
      rows: geometry.maps, columns: size, depth: depth, strideC: places, isTiled: false)
    let rest = try GEMM<Float>(
      rows: geometry.maps, columns: last, depth: depth, strideC: places, isTiled: false)
    let memory = Int.work(depth, size).vectors
    let tile: Buffers.Tile = { buffers, task, thread in
      let image = task / blocks
      let first = task % blocks * size
      let product = first + size < places ? whole : rest
      let group = image % geometry.groups
      let columns = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * memory
      withUnsafePointer(to: shape) { shape in
        ck_im2col(
          shape, buffers.input(0) + image * geometry.channels * geometry.window.inputCount,
          geometry.channels, first, product.columns, columns)
      }
      let y = buffers.output(0, as: Float.self)
      let offset = image * geometry.maps * places + first
      product.multiply(
        tile: 0, buffers.input(1) + group * geometry.maps * depth, columns, y + offset)
      epilogue.finish(
        buffers, y, offset: offset, channel: group * geometry.maps, rows: geometry.maps,
        columns: product.columns, stride: places)
    }
    return .compute(scratch: .work(threads, memory, MemoryLayout<Float>.stride)) { buffers in
      buffers.parallel(images * blocks, tile)
    }
  }

  /// How many windows are copied into columns at a time: as many as a second-level cache holds, but
  /// enough for the matrix product to be worth reading the weights again.
  private var blockSize: Int {
    let places = geometry.window.outputCount
    let depth = max(geometry.depth, 1)
    let cached = (131_072 / depth) / 64 * 64
    let least = min(384, max(16, (4 << 20) / depth / 16 * 16))
    let size = max(cached, least)
    guard places > size + size / 2 else { return max(places, 1) }
    // Blocks of equal size, in whole vectors.
    let blocks = (places + size - 1) / size
    return ((places + blocks - 1) / blocks + 15) / 16 * 16
  }

  /// For images of few windows: all columns first, by channels, then the product, by tiles.
  private func byRows(images: Int) throws(OperatorError) -> Kernel {
    let geometry = geometry
    let epilogue = epilogue
    let window = geometry.window
    let shape = window.c
    let places = window.outputCount
    let depth = geometry.depth
    let channels = Tiles(geometry.channels, cost: .work(window.kernelCount, places))
    let product = try GEMM<Float>(rows: geometry.maps, columns: places, depth: depth)
    let memory = (depth * places).vectors
    let copy: Buffers.Tile = { buffers, task, _ in
      let image = task / channels.count
      let range = channels[task % channels.count]
      let columns = buffers.scratch.assumingMemoryBound(to: Float.self) + image * memory
      withUnsafePointer(to: shape) { shape in
        ck_im2col(
          shape,
          buffers.input(0) + (image * geometry.channels + range.lowerBound) * window.inputCount,
          range.count, 0, places, columns + range.lowerBound * window.kernelCount * places)
      }
    }
    let multiply: Buffers.Tile = { buffers, task, _ in
      let image = task / product.tiles
      let group = image % geometry.groups
      let (rows, columns) = product.tile(task % product.tiles)
      let y = buffers.output(0, as: Float.self)
      let result = image * geometry.maps * places
      product.multiply(
        tile: task % product.tiles, buffers.input(1) + group * geometry.maps * depth,
        buffers.scratch.assumingMemoryBound(to: Float.self) + image * memory, y + result)
      epilogue.finish(
        buffers, y, offset: result + rows.lowerBound * places + columns.lowerBound,
        channel: group * geometry.maps + rows.lowerBound, rows: rows.count,
        columns: columns.count, stride: places)
    }
    return .compute(scratch: .work(images, memory, MemoryLayout<Float>.stride)) { buffers in
      buffers.parallel(images * channels.count, copy)
      buffers.parallel(images * product.tiles, multiply)
    }
  }
}
