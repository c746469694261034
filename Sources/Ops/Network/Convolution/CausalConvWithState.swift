import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Causal depthwise convolution of `[N, C, L]`, and its state: the last `k − 1` steps of the past
/// state and the input.
struct CausalConvWithState: Operator {
  static let schema = Schema(
    "CausalConvWithState", [27: [.float32, .float16, .bfloat16]], inputs: 2...4, outputs: 1...2)
  let isGated: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    let activation = try node.choice(
      "activation", default: "none", among: ["none", "silu", "swish"])
    isGated = activation != "none"
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    let shape = try inputs.shape(0, rank: 3)
    for index in 1...3 where inputs.has(index) { _ = try inputs.tensor(index, sameTypeAs: 0) }
    let weights = try inputs.shape(1, rank: 3)
    let channels = shape?[1] ?? weights?[0] ?? .unknown
    let width = weights?[2].size
    if width == 0 { throw .input(1, "the kernel has size 0") }
    try check(weights, [channels, 1, .unknown], 1)
    if inputs.has(2) { try check(try inputs.shape(2, rank: 1), [channels], 2) }
    let state: Shape = [shape?[0] ?? .unknown, channels, Dimension(width.map { $0 - 1 })]
    if inputs.has(3) { try check(try inputs.shape(3, rank: 3), state, 3) }
    return [.tensor(input), .tensor(input.elementType, state)]
  }

  private func check(
    _ shape: Shape?, _ wanted: Shape, _ index: Int
  ) throws(OperatorError) {
    for (size, expected) in zip(shape ?? [], wanted) {
      if let m = size.size, let n = expected.size, m != n {
        throw .input(index, "expected shape \(wanted), got \(shape ?? [])")
      }
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: return try kernel(call, Float.self)
    case .float16: return try kernel(call, Float16.self)
    case .bfloat16: return try kernel(call, BFloat16.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let (channels, length) = (sizes[1], sizes[2])
    let width = try call.inputSizes(1)[2]
    let rows = try call.count([sizes[0], channels])
    let (hasBias, hasState) = (call.inputs.has(2), call.inputs.has(3))
    let (wantsResult, wantsState) = (call.wants(0), call.wants(1))
    let isGated = isGated
    let count = Int.total(width - 1, length)
    let room = count.vectors
    let tiles = Tiles(rows, cost: .work(width, max(length, 1)))
    let tile: Buffers.Tile = { buffers, task, thread in
      // The past state followed by the input.
      let values = buffers.scratch.assumingMemoryBound(to: T.Compute.self) + thread * room
      for row in tiles[task] {
        for i in 0..<width - 1 {
          values[i] =
            hasState ? buffers.input(3, as: T.self)[row * (width - 1) + i].compute : 0
        }
        let x = buffers.input(0, as: T.self) + row * length
        for i in 0..<length { values[width - 1 + i] = x[i].compute }
        if wantsResult {
          let w = buffers.input(1, as: T.self) + row % channels * width
          let bias = hasBias ? buffers.input(2, as: T.self)[row % channels].compute : 0
          let y = buffers.output(0, as: T.self) + row * length
          for i in 0..<length {
            var sum = bias
            for k in 0..<width { sum += w[k].compute * values[i + k] }
            // The activation reads the result rounded to the element type.
            let result = T(compute: sum)
            let gate = 1 / (1 + T.Compute.exp(-result.compute))
            y[i] = isGated ? T(compute: result.compute * gate) : result
          }
        }
        guard wantsState else { continue }
        let state = buffers.output(1, as: T.self) + row * (width - 1)
        for i in 0..<width - 1 { state[i] = T(compute: values[length + i]) }
      }
    }
    let scratch = Int.work(call.threads, room, MemoryLayout<T.Compute>.stride)
    return .compute(scratch: scratch) { buffers in buffers.parallel(tiles.count, tile) }
  }
}
