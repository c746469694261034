import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Depthwise convolution of float32 images: each output channel reads one input channel. The windows
/// are read in place, and their sums stay in registers.
struct DepthwiseConvolution: Sendable {
  let geometry: ConvolutionGeometry
  let epilogue: Epilogue
  private let window: Window

  /// - Returns: `nil` for a convolution of another form, or with kernels or strides of other sizes
  init?(geometry: ConvolutionGeometry, epilogue: Epilogue) {
    guard geometry.channels == 1, geometry.maps < 3 else { return nil }
    var window = geometry.window
    // Vectors run along x.
    if window.x.input == 1, window.x.output == 1, window.x.kernel == 1 {
      swap(&window.x, &window.y)
    }
    var shape = window.c
    guard ck_depthwise_accepts(&shape) != 0 else { return nil }
    self.geometry = geometry
    self.epilogue = epilogue
    self.window = window
  }

  /// The algorithm and the sizes.
  var summary: String {
    "depthwise \(geometry.window.y.kernel)×\(geometry.window.x.kernel): \(geometry.summary)"
  }

  func kernel(_ call: Preparation) -> Kernel {
    let (geometry, window) = (geometry, window)
    let maps = geometry.groups * geometry.maps
    let tiles = Tiles(
      .work(geometry.batch, maps), cost: .work(window.outputCount, 16 + window.kernelCount) / 16)
    let shape = window.c
    // Results that are added come last; the kernel itself only clamps and activates.
    var own = epilogue
    own.residual = nil
    if epilogue.residual != nil { own.activation = .none }
    let tile: Buffers.Tile = { [own, epilogue] buffers, task, _ in
      let (x, w) = (buffers.input(0, as: Float.self), buffers.input(1, as: Float.self))
      let y = buffers.output(0, as: Float.self)
      withUnsafePointer(to: shape) { shape in
        var range = tiles[task]
        while !range.isEmpty {
          let (image, first) = range.lowerBound.quotientAndRemainder(dividingBy: maps)
          let count = min(range.count, maps - first)
          var c = own.c(buffers, offset: 0, channel: 0)
          ck_depthwise(
            shape, x + image * geometry.groups * window.inputCount, first, count, geometry.maps, w,
            y + image * maps * window.outputCount, &c)
          if epilogue.residual != nil {
            epilogue.finishResidual(
              buffers, y, offset: range.lowerBound * window.outputCount,
              count: count * window.outputCount)
          }
          range = range.lowerBound + count..<range.upperBound
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension Epilogue {
  /// Adds the residual to `count` elements of the result, which have their bias, and applies the
  /// activation.
  fileprivate func finishResidual(
    _ buffers: Buffers, _ output: UnsafeMutablePointer<Float>, offset: Int, count: Int
  ) {
    var rest = self
    rest.bias = nil
    rest.finish(
      buffers, output, offset: offset, channel: 0, rows: 1, columns: count, stride: count)
  }
}
