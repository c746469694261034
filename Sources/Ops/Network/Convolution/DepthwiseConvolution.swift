import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Depthwise convolution of float32 images: each output channel reads one input channel with a 3 ×
/// 3 kernel.
struct DepthwiseConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue

  /// - Returns: `nil` for a convolution of another form
  init?(geometry: ConvolutionGeometry, epilogue: Epilogue) {
    let window = geometry.window
    guard geometry.channels == 1, geometry.maps == 1, epilogue.residual == nil,
      epilogue.activation.isClamp, window.z.input == 1, window.z.kernel == 1,
      window.z.output == 1, window.y.padBegin < 3, window.x.padBegin < 3,
      [window.y, window.x].allSatisfy({
        $0.kernel == 3 && $0.dilation == 1 && (1...2).contains($0.stride)
      })
    else { return nil }
    self.geometry = geometry
    self.epilogue = epilogue
  }

  func kernel(_ call: Preparation) -> Kernel {
    let (channels, window) = (geometry.groups, geometry.window)
    let tiles = Tiles(.work(geometry.batch, channels), cost: .work(window.outputCount, 3))
    let (bias, bounds) = (epilogue.bias, epilogue.activation.bounds)
    let shape = window.c
    let memory = withUnsafePointer(to: shape) { ck_depthwise3_scratch($0) }.vectors
    let tile: Buffers.Tile = { buffers, task, thread in
      let copy = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * memory
      copy.update(repeating: 0, count: memory)
      let (x, w) = (buffers.input(0, as: Float.self), buffers.input(1, as: Float.self))
      withUnsafePointer(to: shape) { shape in
        for index in tiles[task] {
          let channel = index % channels
          ck_depthwise3(
            shape, x + index * window.inputCount, w + channel * 9, copy,
            buffers.output(0) + index * window.outputCount,
            bias.map { buffers.input($0, as: Float.self)[channel] } ?? 0, bounds.low, bounds.high)
        }
      }
    }
    return .compute(scratch: .work(call.threads, memory, MemoryLayout<Float>.stride)) { buffers in
      buffers.parallel(tiles.count, tile)
    }
  }
}
