import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Deformable convolution: each element of a window is interpolated at its position plus an offset,
/// and multiplied by a mask.
///
/// `offset` is `[N, offset_group · kernel · 2, …]`, rows before columns, `mask`
/// `[N, offset_group · kernel, …]`.
struct DeformConv: WidenedOperator {
  static let schema = Schema(
    "DeformConv", [19: .floats, 22: [.floats, .bfloat16]], inputs: 3...5)
  let convolution: Convolution
  let offsetGroups: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    convolution = try Convolution(&node, autoPad: false)
    offsetGroups = try node.int("offset_group", default: 1)
    guard offsetGroups > 0 else {
      throw .attribute("offset_group", "expected 1 or more, got \(offsetGroups)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    for index in 1...4 where inputs.has(index) { _ = try inputs.tensor(index, sameTypeAs: 0) }
    try convolution.checkBias(inputs, 3)
    let result = try convolution.infer(inputs)
    if let channels = try inputs.tensor(0).shape?[1].size, channels % offsetGroups != 0 {
      throw .input(0, "\(channels) channels are not divisible by offset_group \(offsetGroups)")
    }
    guard let result, let weights = try inputs.tensor(1).shape else {
      return [.tensor(type, result)]
    }
    guard result.rank == 4 else {
      throw .unsupported("DeformConv over \(result.rank - 2) spatial axes; only 2 are supported")
    }
    let kernel = weights.dropFirst(2).map(\.size)
    if let height = kernel[0], let width = kernel[1] {
      let elements = Int.work(offsetGroups, height, width)
      try check(inputs, 2, result, .work(elements, 2))
      if inputs.has(4) { try check(inputs, 4, result, elements) }
    }
    return [.tensor(type, result)]
  }

  /// Checks the shape of an input with `count` elements per window.
  private func check(
    _ inputs: Inputs, _ index: Int, _ result: Shape, _ count: Int
  ) throws(OperatorError) {
    guard let shape = try inputs.shape(index, rank: 4) else { return }
    let wanted: Shape = [result[0], .size(count), result[2], result[3]]
    for (size, expected) in zip(shape, wanted) {
      if let m = size.size, let n = expected.size, m != n {
        throw .input(index, "expected shape \(wanted), got \(shape)")
      }
    }
  }

  func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let geometry = try convolution.geometry(call)
    guard !geometry.isEmpty else { return .compute { _ in } }
    let window = geometry.window
    let channels = geometry.groups * geometry.channels
    let columns = channels * window.kernelCount
    let maps = geometry.groups * geometry.maps
    let perOffset = channels / offsetGroups
    let offsetGroups = offsetGroups
    let (hasBias, hasMask) = (call.inputs.has(3), call.inputs.has(4))
    let places = window.outputCount
    let tile: Buffers.Tile = { buffers, task, thread in
      // Interpolates the elements of the window, then computes all output channels.
      let sampled = buffers.scratch.assumingMemoryBound(to: T.Compute.self) + thread * columns
      let (n, place) = (task / places, task % places)
      let x = buffers.input(0, as: T.self) + n * channels * window.inputCount
      let offsets =
        buffers.input(2, as: T.self) + n * offsetGroups * window.kernelCount * 2 * places + place
      let (oy, ox) = (place / window.x.output, place % window.x.output)
      for group in 0..<offsetGroups {
        for k in 0..<window.kernelCount {
          let element = group * window.kernelCount + k
          let (ky, kx) = (k / window.x.kernel, k % window.x.kernel)
          let row = oy * window.y.stride - window.y.padBegin + ky * window.y.dilation
          let column = ox * window.x.stride - window.x.padBegin + kx * window.x.dilation
          let y = T.Compute(row) + offsets[element * 2 * places].compute
          let z = T.Compute(column) + offsets[(element * 2 + 1) * places].compute
          let corners = Corners(y, z, window.y.input, window.x.input)
          var factor: T.Compute = 1
          if hasMask {
            let mask = buffers.input(4, as: T.self)
            factor =
              mask[(n * offsetGroups * window.kernelCount + element) * places + place].compute
          }
          for channel in group * perOffset..<(group + 1) * perOffset {
            sampled[channel * window.kernelCount + k] =
              factor * corners.value(x + channel * window.inputCount)
          }
        }
      }
      for map in 0..<maps {
        let w = buffers.input(1, as: T.self) + map * geometry.depth
        let own = sampled + map / geometry.maps * geometry.depth
        var sum = hasBias ? buffers.input(3, as: T.self)[map].compute : 0
        for k in 0..<geometry.depth { sum += own[k] * w[k].compute }
        buffers.output(0, as: T.self)[(n * maps + map) * places + place] = T(compute: sum)
      }
    }
    let scratch = Int.work(call.threads, columns, MemoryLayout<T.Compute>.stride)
    return .compute(scratch: scratch) { buffers in
      buffers.parallel(geometry.batch * places, tile)
    }
  }
}

/// The four elements around a position of an image; those outside have the index −1.
private struct Corners<C: Real & BinaryFloatingPoint> {
  private var places = (-1, -1, -1, -1)
  private var weights: (C, C, C, C) = (0, 0, 0, 0)

  init(_ y: C, _ x: C, _ height: Int, _ width: Int) {
    guard y > -1, x > -1, y < C(height), x < C(width) else { return }
    let (top, left) = (Int(y.rounded(.down)), Int(x.rounded(.down)))
    let (v, h) = (y - C(top), x - C(left))
    func corner(_ row: Int, _ column: Int, _ weight: C) -> (Int, C) {
      guard row >= 0, row < height, column >= 0, column < width else { return (-1, 0) }
      return (row * width + column, weight)
    }
    (places.0, weights.0) = corner(top, left, (1 - v) * (1 - h))
    (places.1, weights.1) = corner(top, left + 1, (1 - v) * h)
    (places.2, weights.2) = corner(top + 1, left, v * (1 - h))
    (places.3, weights.3) = corner(top + 1, left + 1, v * h)
  }

  func value<T: RealElement>(_ x: UnsafePointer<T>) -> C where T.Compute == C {
    func part(_ place: Int, _ weight: C) -> C { place < 0 ? 0 : weight * x[place].compute }
    return part(places.0, weights.0) + part(places.1, weights.1) + part(places.2, weights.2)
      + part(places.3, weights.3)
  }
}
