import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Normalizes each channel of `X`, `[N, C, …]`: `y = (x − mean) / √(var + ε) · scale + B`.
///
/// In inference mode, mean and variance are inputs. In training mode they are computed over the
/// batch, and the other outputs are the running statistics
/// `running · momentum + current · (1 − momentum)`; before version 14 also the current statistics.
struct BatchNormalization: RowOperator {
  static let schema = Schema(
    "BatchNormalization",
    [
      1: .floats, 6: .floats, 7: .floats, 9: .floats, 14: [.floats, .bfloat16],
      15: [.floats, .bfloat16],
    ], inputs: 5...5, outputs: 1...5)
  static var parameters: [ParameterInput] {
    [.init(1, .weight), .init(2, .bias), .init(3, .mean), .init(4, .variance)]
  }
  let epsilon: Float
  let momentum: Float
  let isTraining: Bool
  /// Whether statistics are per channel rather than per element.
  let isSpatial: Bool
  /// Whether outputs 3 and 4 are the batch means and inverse standard deviations.
  private let savesInverse: Bool
  private let version: Int

  /// Training mode of version 14 and later, with additional outputs for the gradient.
  init(trainingWith node: inout NodeReader) throws(OperatorError) {
    version = 15
    epsilon = try node.float("epsilon", default: 1e-5)
    momentum = try node.float("momentum", default: 0.9)
    isSpatial = true
    isTraining = true
    savesInverse = true
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    version = node.version
    savesInverse = false
    epsilon = try node.float("epsilon", default: 1e-5)
    momentum = try node.float("momentum", default: 0.9)
    isSpatial = version < 9 ? try node.int("spatial", default: 1) != 0 : true
    if version == 1 { _ = try node.optionalInts("consumed_inputs") }
    switch version {
    case ..<7: isTraining = try node.int("is_test", default: 0) == 0
    case ..<14: isTraining = node.outputCount > 1
    default:
      isTraining = try node.int("training_mode", default: 0) != 0
      guard node.outputCount <= (isTraining ? 3 : 1) else {
        throw .output(1, "needs training_mode 1, which has at most three outputs")
      }
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    let rank = try parameterRank(input.shape)
    var parameters = rank.map(Shape.init(rank:))
    for index in 1...4 {
      let type =
        version < 14
        ? try inputs.tensor(index, sameTypeAs: 0) : try inputs.tensor(index, [.floats, .bfloat16])
      guard let shape = type.shape else { continue }
      if let known = parameters {
        guard shape.rank == known.rank else {
          throw .input(index, "expected rank \(known.rank), got shape \(shape)")
        }
        for (axis, size) in shape.enumerated() {
          if let m = size.size, let n = known[axis].size, m != n {
            throw .input(index, "expected shape \(known), got \(shape)")
          }
          if known[axis].size == nil { parameters?[axis] = size }
        }
      } else {
        parameters = shape
      }
    }
    if let shape = input.shape, let parameters {
      let own: [Dimension] = shape.rank == 1 ? [1] : Array(shape.dropFirst())
      for (size, wanted) in zip(parameters, own) {
        if let m = size.size, let n = wanted.size, m != n {
          throw .input(1, "shape \(parameters) does not match input shape \(shape)")
        }
      }
    }
    let running = try inputs.tensor(3).elementType
    let saved = savesInverse ? input.elementType.computed : running
    return [.tensor(input)]
      + [running, running, saved, saved].map { ValueType.tensor($0, parameters) }
  }

  /// The shape of scale, bias, mean and variance.
  private func parameterRank(_ shape: Shape?) throws(OperatorError) -> Int? {
    if shape?.rank == 0 { throw .input(0, "expected rank 1 or higher, got a scalar") }
    return isSpatial ? 1 : shape.map { max($0.rank - 1, 1) }
  }

  func kernel<C: RowElement>(
    _ call: Preparation, _ type: C.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let channels =
      sizes.count == 1 ? 1 : isSpatial ? sizes[1] : try call.count(sizes.dropFirst())
    guard try call.count(sizes) > 0 else { return .compute { _ in } }
    let data: RealRows<C> = try call.rows(0)
    _ = try call.outputType(0)
    let layout = BatchLayout(
      batch: sizes[0], channels: channels, plane: try call.inputCount(0) / sizes[0] / channels)
    let parameters = try BatchParameters<C>(call, channels: channels)
    if isTraining {
      return try layout.trainingKernel(
        call, data, parameters, epsilon: Double(epsilon), momentum: Double(momentum),
        savesInverse: savesInverse)
    }

    // Inference: (x − mean) · scale / √(var + ε) + bias.
    let epsilon = C(epsilon)
    let constants = parameters.constants(epsilon: epsilon)
    let room = data.room(layout.plane)
    let own = constants == nil ? 3 * channels.vectors : 0
    let tiles = Tiles(layout.images, cost: layout.plane)
    let tile: Buffers.Tile = { buffers, task, thread in
      let memory = buffers.scratch.assumingMemoryBound(to: C.self)
      let values = constants?.pointer.assumingMemoryBound(to: C.self) ?? memory
      let scratch = memory + own + thread * room
      let factors = values + channels.vectors
      let shifts = factors + channels.vectors
      if layout.plane == 1, data.room(1) == 0 {
        let x = buffers.input(0, as: C.self)
        let y = buffers.output(0, as: C.self)
        var channel = tiles[task].lowerBound % channels
        for i in tiles[task] {
          y[i] = (x[i] - values[channel]) * factors[channel] + shifts[channel]
          channel = channel + 1 == channels ? 0 : channel + 1
        }
        return
      }
      for image in tiles[task] {
        let channel = image % channels
        layout.affine(
          image, data, buffers, scratch, mean: values[channel], factor: factors[channel],
          shift: shifts[channel])
      }
    }
    return .compute(
      scratch: .work(own + .work(call.threads, room), MemoryLayout<C>.stride)
    ) { buffers in
      if constants == nil {
        parameters.fill(
          buffers.scratch.assumingMemoryBound(to: C.self), epsilon: epsilon,
          { buffers.bytes(input: $0) })
      }
      buffers.parallel(tiles.count, tile)
    }
  }
}

extension BatchNormalization {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        6,
        down: { change throws(OperatorError) in
          change.set(.ints("consumed_inputs", [0, 0, 0, 1, 1]))
        }),
      // Version 7 and later infer training mode from the number of outputs.
      VersionStep(
        7,
        up: { change throws(OperatorError) in
          if try change.int("is_test") ?? 0 == 0 {
            change.addOutputs(upTo: 5)
          } else {
            try change.forbidOutputs(1...)
          }
          change.drop("is_test")
        },
        down: { change throws(OperatorError) in
          change.set(.int("is_test", change.node.outputs.count > 1 ? 0 : 1))
        }),
      .removed(9, ["spatial": .int(1)]),
      VersionStep(
        14,
        up: { change throws(OperatorError) in
          guard change.node.outputs.count > 1 else { return }
          try change.forbidOutputs(3...)
          change.set(.int("training_mode", 1))
        },
        down: { change throws(OperatorError) in
          if try change.int("training_mode") ?? 0 != 0 { change.addOutputs(upTo: 5) }
          change.drop("training_mode")
        }),
    ]
  }
}

extension BatchNormalization {
  /// Whether a node is in inference mode, has per-channel statistics and one output.
  private static func isAffine(_ node: Node) -> Bool {
    node.integer("training_mode") ?? 0 == 0 && node.integer("spatial") ?? 1 == 1
      && node.outputs.dropFirst().allSatisfy(\.isEmpty)
  }

  static func linearWeight(_ node: Node) -> LinearWeight? {
    isAffine(node) ? LinearWeight(outputAxis: 0) : nil
  }

  static func channelMap(
    _ node: Node, ofInput input: Int, _ constants: ChannelConstants
  ) -> ChannelMap? {
    guard input == 0, isAffine(node), let scale = constants.vector(1),
      let bias = constants.vector(2), let mean = constants.vector(3),
      let variance = constants.vector(4)
    else { return nil }
    return ChannelMap(
      normalizingBy: mean, variance: variance, scale: scale, bias: bias,
      epsilon: Double(node.number("epsilon") ?? 1e-5))
  }
}

extension BatchNormalization {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    isTraining || !isSpatial ? .wholeSequence : site.along(1..<2)
  }
}
