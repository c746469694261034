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
    case .float64: return kernel(sizes[0], channels, plane)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  /// The number of channels before and after a channel that its window contains.
  private var before: Int { (size - 1) / 2 }
  private var after: Int { size / 2 }
  private var scaled: Float { alpha / Float(size) }

  /// The channels in the window of a channel.
  func window(_ channel: Int, of channels: Int) -> Range<Int> {
    max(channel - before, 0)..<(after < channels - channel ? channel + after + 1 : channels)
  }

  /// The channels whose windows contain a channel.
  func windows(containing channel: Int, of channels: Int) -> Range<Int> {
    let first = after < channel ? channel - after : 0
    return first..<(before < channels - channel ? channel + before + 1 : channels)
  }

  /// The kernel for float64, by plain loops.
  private func kernel(_ batch: Int, _ channels: Int, _ plane: Int) -> Kernel {
    let (beta, bias) = (Double(beta), Double(bias))
    let alpha = Double(alpha) / Double(size)
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: Double.self) + task / channels * channels * plane
      let y = buffers.output(0, as: Double.self) + task * plane
      let channel = task % channels
      let others = window(channel, of: channels)
      for i in 0..<plane {
        var sum = 0.0
        for other in others {
          let value = x[other * plane + i]
          sum += value * value
        }
        y[i] = x[channel * plane + i] / .pow(bias + alpha * sum, beta)
      }
    }
    return .compute { buffers in buffers.parallel(batch * channels, tile) }
  }
}

extension LRN {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.along(1..<2) }
}
