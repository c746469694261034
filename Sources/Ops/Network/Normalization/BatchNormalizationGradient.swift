import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

extension BatchNormalization: ModalOperator, DifferentiableOperator {
  /// The node in training mode as of version 15. After a step, its running mean and variance
  /// replace inputs 3 and 4.
  func trainingMode(
    _ node: Node, _ builder: inout GraphBuilder
  ) throws(OperatorError) -> TrainingMode {
    guard isSpatial else {
      throw .unsupported("training of batch normalization with per-element statistics (spatial 0)")
    }
    var result = node
    guard node.outputs.dropFirst(3).allSatisfy(\.isEmpty) else {
      throw .unsupported(
        "training of batch normalization with used outputs for saved mean or variance")
    }
    result.outputs = Array(node.outputs.prefix(3))
    for (index, hint) in [(1, "running_mean"), (2, "running_variance")] {
      if result.outputs.count == index { result.outputs.append("") }
      if result.outputs[index].isEmpty { result.outputs[index] = builder.unique(hint) }
    }
    result.attributes = [
      .float("epsilon", epsilon), .float("momentum", momentum), .int("training_mode", 1),
    ]
    result.operatorSetVersion = 15
    return TrainingMode(
      result,
      updates: [
        (initializer: node.inputs[3], output: result.outputs[1]),
        (initializer: node.inputs[4], output: result.outputs[2]),
      ])
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard isSpatial else {
      throw .unsupported(
        "the gradient of batch normalization with per-element statistics (spatial 0)")
    }
    for output in 1..<max(backward.outputCount, 1) where backward.gradient(output) != nil {
      throw .unsupported(
        "a loss that depends on output \(output) of batch normalization; use output 0 only")
    }
    guard let gradient = backward.gradient() else { return }
    var inputs = [gradient, backward.input(0), backward.input(1)]
    var attributes: [Attribute] = []
    if isTraining {
      var node = backward.forward
      guard node.outputs.dropFirst(3).allSatisfy(\.isEmpty) else {
        throw .unsupported(
          "the gradient of batch normalization with a used output for the saved mean")
      }
      node.operatorType = TrainingBatchNormalization.schema.name
      node.domain = Registry.privateDomain
      node.operatorSetVersion = 1
      node.outputs = Array(node.outputs.prefix(3))
      node.attributes = [.float("epsilon", epsilon), .float("momentum", momentum)]
      backward.replaceForward(with: node)
      inputs += [backward.output(3), backward.output(4)]
    } else {
      inputs += [backward.input(3), backward.input(4)]
      attributes = [.float("epsilon", epsilon), .int("inference", 1)]
    }
    let needsMean = !isTraining && backward.wants(3)
    let needsVariance = !isTraining && backward.wants(4)
    let wanted = [
      backward.wants(0), backward.wants(1) || needsVariance, backward.wants(2) || needsMean,
    ]
    let hints = zip(["x", "scale", "bias"], wanted).map { $1 ? "\($0)_grad" : "" }
    let results = backward.builder.nodes(
      BatchNormalizationGrad.schema.name, inputs, attributes, outputs: hints,
      domain: Registry.privateDomain)
    for input in 0...2 where backward.wants(input) { backward.set(input, results[input]) }
    guard needsMean || needsVariance else { return }

    // gMean = −gB · scale / √(var + ε), gVar = −½ · gScale · scale / (var + ε).
    let type = try backward.elementType(4)
    let (scale, variance) = (backward.input(1), backward.input(4))
    let epsilon = backward.builder.scalar(Double(epsilon), type)
    let sum = backward.builder.add(variance, epsilon)
    if needsMean {
      let product = backward.builder.mul(results[2], scale)
      let quotient = backward.builder.div(product, backward.builder.sqrt(sum))
      backward.set(3, backward.builder.neg(quotient))
    }
    if needsVariance {
      let product = backward.builder.mul(results[1], scale)
      let quotient = backward.builder.div(product, sum)
      let half = backward.builder.scalar(-0.5, type)
      backward.set(4, backward.builder.mul(quotient, half))
    }
  }
}

/// `BatchNormalization` in training mode with additional outputs for its gradient: the mean and
/// `1 / √(variance + ε)` of each channel, after the running mean and variance.
struct TrainingBatchNormalization: Operator {
  static let schema = Schema(
    "TrainingBatchNormalization", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 5...5,
    outputs: 1...5)
  let base: BatchNormalization

  init(_ node: inout NodeReader) throws(OperatorError) {
    base = try BatchNormalization(trainingWith: &node)
  }
  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] { try base.infer(inputs) }
  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel { try base.prepare(call) }
}

/// The gradients of `BatchNormalization` for `X`, scale and bias. With `x̂ = (x − mean) · inverse`
/// and means over the channel,
/// `gX = scale · inverse · (g − mean(g) − x̂ · mean(g · x̂))`, `gScale = Σ g · x̂`, `gB = Σ g`.
///
/// Inputs are g, X, scale, the means and the inverse standard deviations. With `inference`, the
/// last two are the given means and variances, and `gX = scale · inverse · g`.
struct BatchNormalizationGrad: RowOperator {
  static let schema = Schema(
    "BatchNormalizationGrad", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 5...5,
    outputs: 1...3)
  let epsilon: Float
  let isInference: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    epsilon = try node.float("epsilon", default: 1e-5)
    isInference = try node.flag("inference")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(1, sameTypeAs: 0)
    try inputs.check(0, isLike: x.shape, type: x.elementType)
    var channels: Dimension?
    if let shape = x.shape {
      guard shape.rank > 0 else { throw .input(1, "expected rank 1 or higher, got a scalar") }
      channels = shape.rank == 1 ? 1 : shape[1]
    }
    let expected = channels.map { Shape([$0]) } ?? Shape(rank: 1)
    for index in 2...4 {
      try inputs.check(
        index, isLike: expected, type: inputs.tensor(index, [.floats, .bfloat16]).elementType)
    }
    let scale = ValueType.tensor(try inputs.tensor(2).elementType, expected)
    return [.tensor(x), scale, scale]
  }

  /// The values of a channel that do not depend on the batch.
  private struct Channel<C: RowElement> {
    var scale: C
    var mean: C
    var inverse: C
  }

  func kernel<C: RowElement>(
    _ call: Preparation, _ type: C.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(1)
    let channels = sizes.count == 1 ? 1 : sizes[1]
    let count = try call.count(sizes)
    let layout = BatchLayout(
      batch: count == 0 ? 0 : sizes[0], channels: channels,
      plane: count == 0 ? 0 : count / sizes[0] / channels)
    let data: RealRows<C> = try call.rows(0)
    var rows: [RealRows<C>] = []
    for index in 2...4 { rows.append(try call.rows(index)) }
    let parameters = rows
    let wants = (0...2).map(call.wants)
    let (epsilon, isInference) = (C(epsilon), isInference)

    @Sendable func channel(_ buffers: Buffers, _ channel: Int) -> Channel<C> {
      func value(_ index: Int) -> C {
        var value = C(0)
        return parameters[index - 2].read(
          buffers.bytes(input: index), at: channel, 1, room: &value)[0]
      }
      let last = value(4)
      return Channel(
        scale: value(2), mean: value(3),
        inverse: isInference ? 1 / (last + epsilon).squareRoot() : last)
    }
    /// Writes the gradients of scale and bias, and returns the factors for the gradient of X.
    @Sendable func finish(
      _ buffers: Buffers, _ index: Int, _ channel: Channel<C>, _ sums: (g: Double, gx: Double)
    ) -> (a: C, b: C, c: C) {
      for (output, sum) in [(1, sums.gx * Double(channel.inverse)), (2, sums.g)]
      where wants[output] {
        var room = C(sum)
        let bytes = buffers.bytes(output: output)
        let place = parameters[0].target(bytes, at: index, room: &room)
        place.pointee = C(sum)
        parameters[0].store(place, bytes, at: index, 1)
      }
      let a = Double(channel.scale) * Double(channel.inverse)
      if isInference { return (C(a), 0, 0) }
      let size = Double(layout.batch * layout.plane)
      let square = Double(channel.inverse) * Double(channel.inverse)
      return (C(a), C(-a * square * sums.gx / size), C(-a * sums.g / size))
    }

    if layout.plane == 1 && data.room(1) == 0 {
      let tile: Buffers.Tile = { buffers, task, _ in
        Self.rowwise(buffers, task, layout, wants[0], channel, finish)
      }
      return .compute { $0.parallel(layout.tasks(isRowwise: true), tile) }
    }
    let room = data.room(layout.plane)
    let tile: Buffers.Tile = { buffers, index, thread in
      let scratch = buffers.scratch.assumingMemoryBound(to: C.self) + thread * 3 * room
      let channel = channel(buffers, index)
      func rows(_ n: Int) -> (start: Int, g: UnsafePointer<C>, x: UnsafePointer<C>) {
        let start = (n * channels + index) * layout.plane
        return (
          start, data.read(buffers.bytes(input: 0), at: start, layout.plane, room: scratch),
          data.read(buffers.bytes(input: 1), at: start, layout.plane, room: scratch + room)
        )
      }
      var sums = (g: 0.0, gx: 0.0)
      for n in 0..<layout.batch {
        let (_, g, x) = rows(n)
        let own = C.gradientSums(g, x, layout.plane, mean: channel.mean)
        sums.g += own.g
        sums.gx += own.gx
      }
      let (a, b, c) = finish(buffers, index, channel, sums)
      guard wants[0] else { return }
      for n in 0..<layout.batch {
        let (start, g, x) = rows(n)
        let bytes = buffers.bytes(output: 0)
        let y = data.target(bytes, at: start, room: scratch + 2 * room)
        C.gradientAffine(g, x, y, layout.plane, mean: channel.mean, a: a, b: b, c: c)
        data.store(y, bytes, at: start, layout.plane)
      }
    }
    let scratch = Int.work(call.threads, 3, room, MemoryLayout<C>.stride)
    return .compute(scratch: scratch) { $0.parallel(channels, tile) }
  }

  /// A block of adjacent channels of images with one element per channel.
  private static func rowwise<C: RowElement>(
    _ buffers: Buffers, _ task: Int, _ layout: BatchLayout, _ wantsX: Bool,
    _ channel: (Buffers, Int) -> Channel<C>,
    _ finish: (Buffers, Int, Channel<C>, (g: Double, gx: Double)) -> (a: C, b: C, c: C)
  ) {
    let first = task * BatchLayout.block
    let width = min(BatchLayout.block, layout.channels - first)
    let stride = layout.channels
    let g = buffers.input(0, as: C.self) + first
    let x = buffers.input(1, as: C.self) + first
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * width) { sums in
      withUnsafeTemporaryAllocation(of: C.self, capacity: 4 * width) { values in
        sums.initialize(repeating: 0)
        let channels = (0..<width).map { channel(buffers, first + $0) }
        for c in 0..<width { values[c] = channels[c].mean }
        for n in 0..<layout.batch {
          let (g, x) = (g + n * stride, x + n * stride)
          for c in 0..<width {
            sums[c] += Double(g[c])
            sums[width + c] += Double(g[c] * (x[c] - values[c]))
          }
        }
        for c in 0..<width {
          let factors = finish(buffers, first + c, channels[c], (sums[c], sums[width + c]))
          values[width + c] = factors.a
          values[2 * width + c] = factors.b
          values[3 * width + c] = factors.c
        }
        guard wantsX else { return }
        let y = buffers.output(0, as: C.self) + first
        for n in 0..<layout.batch {
          let (g, x, y) = (g + n * stride, x + n * stride, y + n * stride)
          for c in 0..<width {
            y[c] =
              values[width + c] * g[c]
              + (values[2 * width + c] * (x[c] - values[c]) + values[3 * width + c])
          }
        }
      }
    }
  }
}
