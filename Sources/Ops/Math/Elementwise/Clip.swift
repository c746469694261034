import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = min(max(x, low), high)`, which is `high` everywhere if `low > high`. NaN stays NaN.
///
/// The bounds are scalar inputs 1 and 2; before operator set 11 they are the attributes `min` and
/// `max`.
struct Clip: DifferentiableOperator {
  static let schema = Schema(
    "Clip",
    [
      1: .floats, 6: .floats, 11: .floats, 12: [.integers, .floats],
      13: [.integers, .floats, .bfloat16],
    ], inputs: 1...3)
  static var widening: Widening { .exact }
  static var eightBitForm: EightBitForm { .clamp }
  let low: Float?
  let high: Float?
  let hasInputs: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    hasInputs = node.version >= 11
    // The default values of operator set 6 are finite, so that infinities become the largest numbers.
    let limit: Float? = node.version == 6 ? .greatestFiniteMagnitude : nil
    low = hasInputs ? nil : try node.optionalFloat("min") ?? limit.map { -$0 }
    high = hasInputs ? nil : try node.optionalFloat("max") ?? limit
    try node.skipConsumedInputs()
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(0)
    guard hasInputs || inputs.count == 1 else {
      throw .invalid("expected 1 input, got \(inputs.count)")
    }
    for index in 1...2 where inputs.has(index) {
      guard let shape = try inputs.tensor(index, sameTypeAs: 0).shape else { continue }
      guard shape.allSatisfy({ ($0.size ?? 1) == 1 }) else {
        throw .input(index, "expected a scalar, got shape \(shape)")
      }
    }
    return [.tensor(x)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let type = try call.elementType(0)
    guard let loop = loop(type) else { throw .input(0, "expected numbers, got \(type)") }
    let stride = type.stride
    let (hasLow, hasHigh) = (call.inputs.has(1), call.inputs.has(2))
    let tiles = Tiles(try call.inputCount(0))
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      let start = range.lowerBound * stride
      loop.run(
        buffers.input(0, as: UInt8.self) + start, buffers.output(0, as: UInt8.self) + start,
        range.count, hasLow ? UnsafeRawPointer(buffers.input(1, as: UInt8.self)) : nil,
        hasHigh ? UnsafeRawPointer(buffers.input(2, as: UInt8.self)) : nil)
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }

  private func loop(_ type: ElementType) -> ClipLoop? {
    switch type {
    case .float32: ClipLoop(low, high, clipFloats)
    case .float64: ClipLoop(low.map { Double($0) }, high.map { Double($0) }, clip)
    case .float16: ClipLoop(low.map { Float16($0) }, high.map { Float16($0) }, clipHalf)
    case .bfloat16: ClipLoop(nil, nil, clipHalf as ElementLoop<BFloat16>)
    default: type.dispatchInteger(to: IntegerClip(), ())
    }
  }
}

extension Clip {
  /// The gradient goes to `x` where it lies within the bounds, to `min` where `x < min < max`, and
  /// to `max` where `x > max` or `max < min`.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let (x, low, high) = (backward.input(0), backward.input(1), backward.input(2))
    if backward.wants(0) {
      backward.set(
        0,
        backward.builder.node(
          ClipGrad.schema.name, [gradient, x, low, high], backward.forward.attributes,
          domain: Registry.privateDomain, operatorSet: backward.operatorSet))
    }
    if backward.wants(1) {
      var isLow = backward.builder.node("Less", [x, low])
      if backward.has(2) {
        isLow = backward.builder.node("And", [isLow, backward.builder.node("Less", [low, high])])
      }
      try setBound(1, isLow, gradient, &backward)
    }
    if backward.wants(2) {
      var isHigh = backward.builder.node("Greater", [x, high])
      if backward.has(1) {
        isHigh = backward.builder.node("Or", [isHigh, backward.builder.node("Less", [high, low])])
      }
      try setBound(2, isHigh, gradient, &backward)
    }
  }

  private func setBound(
    _ input: Int, _ mask: String, _ gradient: String, _ backward: inout Backward
  ) throws(OperatorError) {
    let zero = try backward.scalar(0)
    let sum = backward.builder.reduceSum(
      backward.builder.node("Where", [mask, gradient, zero]), keepAxes: false)
    let shape = backward.builder.shape(of: backward.input(input))
    backward.set(input, backward.builder.reshape(sum, to: shape))
  }
}

/// The gradient of `Clip` with respect to `x`.
///
/// Inputs: the gradient of the output, then the inputs of `Clip`.
struct ClipGrad: Operator {
  static let schema = Schema("ClipGrad", gradientOf: Clip.schema, inputs: 2...4, outputs: 1...1)
  private let base: Clip

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Clip(&node) }

  var overwritableInputs: [Int] { [0, 1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let gradient = try inputs.tensor(0, [.floats, .bfloat16])
    let shape = try inputs.tensor(1, sameTypeAs: 0).shape
    for index in 2...3 where inputs.has(index) {
      guard base.hasInputs else { throw .invalid("expected 2 inputs, got \(inputs.count)") }
      guard let bound = try inputs.tensor(index, sameTypeAs: 0).shape else { continue }
      guard bound.allSatisfy({ ($0.size ?? 1) == 1 }) else {
        throw .input(index, "expected a scalar, got shape \(bound)")
      }
    }
    return [
      .tensor(gradient.elementType, try OperandAlignment.none.shape(gradient.shape, shape))
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, Float.self) { ck_clip_grad($0, $1, $2, $3, $4, $5) }
    case .float64: try kernel(call, Double.self, passWithin)
    case .float16: try kernel(call, Float16.self, passWithin)
    case .bfloat16: try kernel(call, BFloat16.self, passWithin)
    case let type: throw .input(0, "unexpected element type \(type)")
    }
  }

  private func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type,
    _ loop:
      @escaping @Sendable (
        _ x: UnsafePointer<T>, _ g: UnsafePointer<T>, _ gx: UnsafeMutablePointer<T>, _ count: Int,
        _ low: T.Compute, _ high: T.Compute
      ) -> Void
  ) throws(OperatorError) -> Kernel {
    let (hasLow, hasHigh) = (call.inputs.has(2), call.inputs.has(3))
    let low = T.Compute(base.low ?? -.infinity)
    let high = T.Compute(base.high ?? .infinity)
    let tiles = Tiles(try call.inputCount(0))
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      let start = range.lowerBound
      loop(
        buffers.input(1, as: T.self) + start, buffers.input(0, as: T.self) + start,
        buffers.output(0, as: T.self) + start, range.count,
        hasLow ? buffers.input(2, as: T.self)[0].compute : low,
        hasHigh ? buffers.input(3, as: T.self)[0].compute : high)
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

@Sendable private func passWithin<T: RealElement>(
  _ x: UnsafePointer<T>, _ g: UnsafePointer<T>, _ gx: UnsafeMutablePointer<T>, _ count: Int,
  _ low: T.Compute, _ high: T.Compute
) {
  for i in 0..<count {
    let value = x[i].compute
    gx[i] = value < low || value > high ? T(compute: 0) : g[i]
  }
}

/// A type-erased loop of `Clip`.
private struct ClipLoop: Sendable {
  let run:
    @Sendable (
      _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ count: Int,
      _ low: UnsafeRawPointer?, _ high: UnsafeRawPointer?
    ) -> Void

  /// - Parameters:
  ///   - fixedLow: The lower bound that applies if there is no input for it.
  ///   - fixedHigh: The upper bound that applies if there is no input for it.
  init<T: Sendable>(_ fixedLow: T?, _ fixedHigh: T?, _ loop: @escaping ElementLoop<T>) {
    run = { x, y, count, low, high in
      loop(
        x.assumingMemoryBound(to: T.self), y.assumingMemoryBound(to: T.self), count,
        low?.assumingMemoryBound(to: T.self).pointee ?? fixedLow,
        high?.assumingMemoryBound(to: T.self).pointee ?? fixedHigh)
    }
  }
}

private struct IntegerClip: IntegerVisitor {
  func visit<T: Element & FixedWidthInteger>(_ type: T.Type, _ context: Void) -> ClipLoop {
    ClipLoop(nil, nil, clip as ElementLoop<T>)
  }
}

private typealias ElementLoop<T> =
  @Sendable (
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int, _ low: T?, _ high: T?
  ) -> Void

@Sendable private func clipFloats(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ low: Float?,
  _ high: Float?
) {
  ck_clip(x, y, count, low ?? -.infinity, high ?? .infinity)
}

@Sendable private func clip<T: Comparable>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int, _ low: T?, _ high: T?
) {
  for i in 0..<count {
    var value = x[i]
    if let low, value < low { value = low }
    if let high, value > high { value = high }
    y[i] = value
  }
}

@Sendable private func clipHalf<T: HalfFloat>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int, _ low: T?, _ high: T?
) {
  throughFloat(T.self) { x, y, count in
    clipFloats(x, y, count, low?.compute, high?.compute)
  }(x, y, count)
}

extension Clip {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        11,
        up: { change throws(OperatorError) in
          for (input, name) in [(1, "min"), (2, "max")] {
            guard let bound = try change.float(name) else { continue }
            let type = try change.elementType(0)
            change.setInput(input, try change.scalar(Double(bound), type, name))
            change.drop(name)
          }
        },
        down: { change throws(OperatorError) in
          for (input, name) in [(2, "max"), (1, "min")] where change.has(input) {
            guard let bound = try change.floats(input).first else {
              throw .input(input, "expected one number, got an empty tensor")
            }
            change.set(.float(name, bound))
            change.setInput(input, "")
          }
        })
    ]
  }
}

extension Clip: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? {
    var bounds = [low ?? -.infinity, high ?? .infinity]
    for (index, name) in partner.next.inputs.enumerated().dropFirst() where !name.isEmpty {
      guard let bound = partner.constant(name), let value = try? bound.array(as: Float.self).first
      else { return nil }
      bounds[index - 1] = value
    }
    // With `low > high` Clip returns `high`, which the fused activation does not.
    guard partner.position == 0, bounds[0] <= bounds[1] else { return nil }
    return .clip(bounds[0], bounds[1])
  }
}

extension Clip {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}
