import ONNXFormat
import ONNXOperators

/// `y = scale · x + bias[c]` for each channel `c` of images `[N, C, H, W]`, an experimental operator
/// (`EarlyOperator`).
struct ImageScaler: RealOperator {
  static let schema = Schema("ImageScaler", [1: .floats], removed: 10, inputs: 1...1)
  let scale: Float
  let bias: [Float]

  init(_ node: inout NodeReader) throws(OperatorError) {
    scale = try node.float("scale", default: 1)
    bias = try node.optionalFloats("bias") ?? []
    guard !bias.isEmpty else { throw .attribute("bias", "is missing") }
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if let channels = try inputs.shape(0, rank: 4)?[1].size, channels != bias.count {
      throw .attribute("bias", "expected \(channels) numbers, one per channel, got \(bias.count)")
    }
    return [.tensor(try inputs.tensor(0))]
  }

  func visit<T: RealElement>(
    _ type: T.Type, _ call: Preparation
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let count = try call.inputCount(0)
    let plane = count == 0 ? 0 : sizes[2] * sizes[3]
    let (scale, bias) = (T.Compute(scale), bias.map { T.Compute($0) })
    let tiles = Tiles(plane == 0 ? 0 : count / plane, cost: plane)
    let tile: Buffers.Tile = { buffers, task, _ in
      for image in tiles[task] {
        let x = buffers.input(0, as: T.self) + image * plane
        let y = buffers.output(0, as: T.self) + image * plane
        let shift = bias[image % bias.count]
        for i in 0..<plane { y[i] = T(compute: scale * x[i].compute + shift) }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}
