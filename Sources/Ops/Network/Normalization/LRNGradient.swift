import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

extension LRN: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(gradientOf: 0, to: LRNGrad.schema.name, [gradient, backward.input(0)])
  }
}

/// The gradient of `LRN`. With `b = bias + α / size · Σ x²` of each element's channels,
/// `gx = g · b^−β − 2 · β · α / size · x · Σ g · x · b^(−β − 1)`, summed over the channels whose
/// windows contain x. Inputs are g and x.
struct LRNGrad: WidenedOperator {
  static let schema = Schema("LRNGrad", gradientOf: LRN.schema, inputs: 2...2, outputs: 1...1)
  let base: LRN

  init(_ node: inout NodeReader) throws(OperatorError) { base = try LRN(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(1, sameTypeAs: 0)
    try inputs.check(0, isLike: x.shape, type: x.elementType)
    return try base.infer(Inputs(types: [.tensor(x)]))
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(1)
    let size = try call.count(sizes)
    guard size > 0 else { return .compute { _ in } }
    let (batch, channels) = (sizes[0], sizes[1])
    let plane = size / batch / channels
    let width = min(plane, 64)
    let blocks = (plane + width - 1) / width
    let room = Int.work(2, channels, width)
    let lrn = base
    let (beta, bias) = (T.Compute(base.beta), T.Compute(base.bias))
    let alpha = T.Compute(base.alpha) / T.Compute(base.size)
    let tile: Buffers.Tile = { buffers, task, thread in
      let first = task % blocks * width
      let count = min(width, plane - first)
      let start = task / blocks * channels * plane + first
      let g = buffers.input(0, as: T.self) + start
      let x = buffers.input(1, as: T.self) + start
      let y = buffers.output(0, as: T.self) + start
      // Powers b^−β, and products g · x · b^(−β − 1).
      let powers = buffers.scratch.assumingMemoryBound(to: T.Compute.self) + thread * room
      let products = powers + channels * width
      for channel in 0..<channels {
        let window = lrn.window(channel, of: channels)
        for i in 0..<count {
          var sum: T.Compute = 0
          for other in window {
            let value = x[other * plane + i].compute
            sum += value * value
          }
          let base = bias + alpha * sum
          let power = T.Compute.pow(base, -beta)
          let place = channel * plane + i
          powers[channel * width + i] = power
          products[channel * width + i] = g[place].compute * x[place].compute * power / base
        }
      }
      for channel in 0..<channels {
        let windows = lrn.windows(containing: channel, of: channels)
        for i in 0..<count {
          var sum: T.Compute = 0
          for other in windows { sum += products[other * width + i] }
          let place = channel * plane + i
          let own = g[place].compute * powers[channel * width + i]
          y[place] = T(compute: own - 2 * beta * alpha * x[place].compute * sum)
        }
      }
    }
    let scratch = Int.work(call.threads, room, MemoryLayout<T.Compute>.stride)
    return .compute(scratch: scratch) { $0.parallel(batch * blocks, tile) }
  }
}
