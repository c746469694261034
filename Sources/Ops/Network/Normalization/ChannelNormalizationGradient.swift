import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Instance or group normalization.
protocol ChannelNormalizationOperator: DifferentiableOperator {
  func channelNormalization(_ sizes: [Int]) throws(OperatorError) -> ChannelNormalization
}

extension InstanceNormalization: ChannelNormalizationOperator {}
extension GroupNormalization: ChannelNormalizationOperator {}
extension GroupNormalization18: ChannelNormalizationOperator {}

extension ChannelNormalizationOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    backward.setScaledGradients(to: ChannelNormalizationGrad<Self>.schema.name)
  }
}

/// The gradients of instance and group normalization. With `x̂ = (x − mean) · inverse`,
/// `d = g · scale` and means over the group,
/// `gX = inverse · (d − mean(d) − x̂ · mean(d · x̂))`; `gScale = Σ g · x̂` and `gB = Σ g`.
///
/// Inputs are g, X, the scale and the bias.
struct ChannelNormalizationGrad<Base: ChannelNormalizationOperator>: RowOperator {
  static var schema: Schema {
    Schema(Base.schema.name + "Grad", gradientOf: Base.schema, inputs: 4...4, outputs: 1...3)
  }
  let base: Base

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Base(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let own = Inputs(types: Array(inputs.types.dropFirst()))
    let result = try base.infer(own)
    let x = try inputs.tensor(1)
    try inputs.check(0, isLike: x.shape, type: x.elementType)
    return [result[0], try own.type(1), try own.type(2)]
  }

  func kernel<C: RowElement>(
    _ call: Preparation, _ type: C.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(1)
    _ = try call.count(sizes)
    let layout = try base.channelNormalization(sizes)
    let data: RealRows<C> = try call.rows(0)
    let (channels, plane) = (layout.channels, layout.plane)
    let size = channels * plane
    let images = size == 0 ? 0 : layout.batch * layout.groups
    let room = data.room(size)
    let wants = (0...2).map(call.wants)
    let parameters = try call.inputCount(2)
    // The sums of g · x̂ and of g for each channel of each image, then memory for each thread.
    let sums = Int.work(images, channels, 2)
    let tile: Buffers.Tile = { buffers, task, thread in
      let sums = buffers.scratch.assumingMemoryBound(to: Double.self) + task * channels * 2
      let scratch =
        (buffers.scratch + layout.sumBytes(images)).assumingMemoryBound(to: C.self)
        + thread * 3 * room
      let g = data.read(buffers.bytes(input: 0), at: task * size, size, room: scratch)
      let x = data.read(buffers.bytes(input: 1), at: task * size, size, room: scratch + room)
      let mean = C.sum(x, size) / C(size)
      let variance = C.squares(x, size, mean: mean) / C(size)
      let inverse = 1 / (variance + C(layout.epsilon)).squareRoot()
      let group = task % layout.groups
      func scale(_ channel: Int) -> C {
        var value = C(0)
        let place = layout.isPerGroup ? group : group * channels + channel
        return data.read(buffers.bytes(input: 2), at: place, 1, room: &value)[0]
      }
      var (sum, product) = (0.0, 0.0)
      for channel in 0..<channels {
        let own = C.gradientSums(
          g + channel * plane, x + channel * plane, plane, mean: mean)
        sums[2 * channel] = own.gx * Double(inverse)
        sums[2 * channel + 1] = own.g
        sum += own.g * Double(scale(channel))
        product += own.gx * Double(inverse) * Double(scale(channel))
      }
      guard wants[0] else { return }
      let bytes = buffers.bytes(output: 0)
      let y = data.target(bytes, at: task * size, room: scratch + 2 * room)
      let b = C(-Double(inverse) * Double(inverse) * product / Double(size))
      let c = C(-Double(inverse) * sum / Double(size))
      for channel in 0..<channels {
        let start = channel * plane
        C.gradientAffine(
          g + start, x + start, y + start, plane, mean: mean, a: inverse * scale(channel), b: b,
          c: c)
      }
      data.store(y, bytes, at: task * size, size)
    }
    let scratch = Int.total(
      .work(sums, 8).aligned, .work(call.threads, 3, room, MemoryLayout<C>.stride))
    return .compute(scratch: scratch) { buffers in
      buffers.parallel(images, tile)
      let sums = buffers.scratch.assumingMemoryBound(to: Double.self)
      let perImage = layout.groups * channels
      let width = layout.isPerGroup ? channels : 1
      for output in 1...2 where wants[output] {
        for index in 0..<parameters {
          var total = 0.0
          for n in 0..<(size == 0 ? 0 : layout.batch) {
            let first = n * perImage + index * width
            for channel in first..<first + width { total += sums[2 * channel + output - 1] }
          }
          var value = C(total)
          let bytes = buffers.bytes(output: output)
          let place = data.target(bytes, at: index, room: &value)
          place.pointee = C(total)
          data.store(place, bytes, at: index, 1)
        }
      }
    }
  }
}

extension ChannelNormalization {
  /// The size in bytes of two sums for each channel of some groups.
  fileprivate func sumBytes(_ images: Int) -> Int { Int.work(images, channels, 2, 8).aligned }
}

extension Int {
  /// A size in bytes rounded up to a multiple of 64.
  fileprivate var aligned: Int { self > Int.max - 63 ? self : (self + 63) / 64 * 64 }
}
