import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Local response normalization across channels: `y = x / (bias + α / size · Σ x²)^β`, summed over
/// a window of `size` channels around the element's own.
struct LRN: Operator {
  static let schema = Schema("LRN", [1: .floats, 13: [.floats, .bfloat16]], inputs: 1...1)
  let size: Int
  let alpha: Float
  let beta: Float
  let bias: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    size = try node.int("size")
    guard size > 0 else { throw .attribute("size", "expected 1 or more, got \(size)") }
    alpha = try node.float("alpha", default: 1e-4)
    beta = try node.float("beta", default: 0.75)
    bias = try node.float("bias", default: 1)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    if let shape = input.shape, shape.rank < 2 {
      throw .input(0, "expected rank 2 or higher, got shape \(shape)")
    }
    return [.tensor(input)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let channels = sizes[1]
    guard try call.count(sizes) > 0 else { return .compute { _ in } }
    let plane = try call.inputCount(0) / sizes[0] / channels
    switch try call.elementType(0) {
    case .float32:
      let (before, after, alpha, beta, bias) = (before, after, scaled, beta, bias)
      let tiles = Tiles(plane, cost: channels)
      let tile: Buffers.Tile = { buffers, task, _ in
        let columns = tiles[task % tiles.count]
        let start = task / tiles.count * channels * plane + columns.lowerBound
        ck_lrn(
          buffers.input(0) + start, buffers.output(0) + start, channels, plane, columns.count,
          before, after, alpha, beta, bias)
      }
      return .compute { buffers in buffers.parallel(sizes[0] * tiles.count, tile) }
    case .float64: return kernel(sizes[0], channels, plane, Double.self)
    case .float16: return kernel(sizes[0], channels, plane, Float16.self)
    case .bfloat16: return kernel(sizes[0], channels, plane, BFloat16.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  /// The number of channels before and after a channel that its window contains.
  private var before: Int { (size - 1) / 2 }
  private var after: Int { size / 2 }
  private var scaled: Float { alpha / Float(size) }

  private func kernel<T: RealElement>(
    _ batch: Int, _ channels: Int, _ plane: Int, _ type: T.Type
  ) -> Kernel {
    let (before, after, beta, bias) = (before, after, T.Compute(beta), T.Compute(bias))
    let alpha = T.Compute(alpha) / T.Compute(size)
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: T.self) + task / channels * channels * plane
      let y = buffers.output(0, as: T.self) + task * plane
      let channel = task % channels
      let low = max(channel - before, 0)
      let high = after < channels - channel ? channel + after + 1 : channels
      for i in 0..<plane {
        var sum: T.Compute = 0
        for other in low..<high {
          let value = x[other * plane + i].compute
          sum += value * value
        }
        y[i] = T(
          compute: x[channel * plane + i].compute / T.Compute.pow(bias + alpha * sum, beta))
      }
    }
    return .compute { buffers in buffers.parallel(batch * channels, tile) }
  }
}
