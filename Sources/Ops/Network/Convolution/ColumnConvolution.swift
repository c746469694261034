import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution of float32 images with few windows: windows are copied to the columns of a matrix,
/// which is multiplied by the weights.
struct ColumnConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue

  func kernel() throws(OperatorError) -> Kernel {
    let geometry = geometry
    let epilogue = epilogue
    let window = geometry.window
    let shape = window.c
    let places = window.outputCount
    let depth = geometry.depth
    let images = geometry.batch * geometry.groups
    let channels = Tiles(geometry.channels, cost: .work(window.kernelCount, places))
    let product = try GEMM<Float>(rows: geometry.maps, columns: places, depth: depth)
    let isCopied = !window.isPointwise
    let memory = Int.work(depth, places).vectors
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
      let matrix =
        isCopied
        ? UnsafePointer(buffers.scratch.assumingMemoryBound(to: Float.self) + image * memory)
        : buffers.input(0) + image * depth * places
      product.multiply(
        tile: task % product.tiles, buffers.input(1) + group * geometry.maps * depth, matrix,
        y + result)
      epilogue.finish(
        buffers, y, offset: result + rows.lowerBound * places + columns.lowerBound,
        channel: group * geometry.maps + rows.lowerBound, rows: rows.count,
        columns: columns.count, stride: places)
    }
    let scratch = isCopied ? Int.work(images, memory, MemoryLayout<Float>.stride) : 0
    return .compute(scratch: scratch) { buffers in
      if isCopied { buffers.parallel(images * channels.count, copy) }
      buffers.parallel(images * product.tiles, multiply)
    }
  }
}
