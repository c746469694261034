import ONNXFormat
import ONNXOperators
import RealModule

/// The discrete Fourier transform along an axis, or its inverse. The last dimension holds the real
/// part and, if its size is 2, the imaginary part.
///
/// With `onesided` the mirrored half of a real signal's spectrum is left out, and the inverse
/// returns a real signal. The signal is cut or zero-padded to `dft_length`, input 1. The axis is
/// input 2; before operator set 20 it is an attribute.
struct DFT: SpectralOperator {
  static let schema = Schema(
    "DFT", [17: [.floats, .bfloat16], 20: [.floats, .bfloat16]], inputs: 1...3)
  private let fixedAxis: Int?
  private let isInverse: Bool
  private let isOneSided: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    fixedAxis = node.version < 20 ? try node.int("axis", default: 1) : nil
    isInverse = try node.flag("inverse")
    isOneSided = try node.flag("onesided")
    guard node.version >= 20 || node.inputCount < 3 else {
      throw .invalid("expected at most 2 inputs, got \(node.inputCount)")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let signal = try inputs.tensor(0)
    let length = inputs.has(1) ? try inputs.scalar(1) : nil
    guard var shape = signal.shape else { return [.tensor(signal.elementType, nil)] }
    guard shape.rank >= 2, let parts = shape.last, (1...2).contains(parts.size ?? 1) else {
      throw .input(0, "expected shape […, 1] or […, 2], got \(shape)")
    }
    shape[shape.rank - 1] = isInverse && isOneSided ? 1 : 2
    guard let axis = try axis(inputs, rank: shape.rank) else {
      for axis in 0..<shape.rank - 1 { shape[axis] = .unknown }
      return [.tensor(signal.elementType, shape)]
    }
    var count = length
    if !inputs.has(1), let size = shape[axis].size {
      count = isInverse && isOneSided ? 2 &* (size &- 1) : size
    }
    if let count { _ = try FourierTransform<Float>(length: count) }
    shape[axis] = Dimension(count.map { isOneSided && !isInverse ? $0 / 2 + 1 : $0 })
    return [.tensor(signal.elementType, shape)]
  }

  private func axis(_ inputs: Inputs, rank: Int) throws(OperatorError) -> Int? {
    var axis = fixedAxis ?? -2
    if fixedAxis == nil, inputs.has(2) {
      guard let value = try inputs.scalar(2) else { return nil }
      axis = value
    }
    let place = try normalized(axis: axis, rank: rank)
    guard place < rank - 1 else {
      throw .invalid("axis \(axis) holds the real and imaginary parts and cannot be transformed")
    }
    return place
  }

  func kernel<T: RealElement, Part: Real & BinaryFloatingPoint & Sendable>(
    _ call: Preparation, _ type: T.Type, _ part: Part.Type
  ) throws(OperatorError) -> Kernel {
    let (sizes, output) = (try call.inputSizes(0), try call.outputSizes(0))
    guard let axis = try axis(call.inputs, rank: sizes.count) else {
      throw .input(2, "the axis is not known before the run")
    }
    let given = call.inputs.has(1) ? try call.inputs.scalar(1) : nil
    // The signal's length cannot be derived from its one-sided spectrum.
    let length = given ?? (isOneSided && !isInverse ? sizes[axis] : output[axis])
    let transform = try FourierTransform<Part>(length: length)
    let x = SignalLane(sizes, axis: axis)
    let y = SignalLane(output, axis: axis)
    let (isInverse, isOneSided) = (isInverse, isOneSided)
    let tile: Buffers.Tile = { buffers, task, thread in
      let work = transform.work(buffers, thread: thread)
      let isMirrored = isInverse && isOneSided
      let used = min(isMirrored ? length / 2 + 1 : length, x.count)
      x.read(buffers.input(0, as: T.self), lane: task, used, work)
      (work + used).update(repeating: ComplexNumber(0, 0), count: length - used)
      if isMirrored { mirror(work, length) }
      // The inverse is the transform with real and imaginary parts exchanged.
      if isInverse { for j in 0..<length { work[j] = work[j].exchanged } }
      transform(buffers, thread: thread)
      let scale = 1 / Part(length)
      if isInverse { for j in 0..<length { work[j] = work[j].exchanged.times(scale) } }
      y.write(buffers.output(0, as: T.self), lane: task, work)
    }
    return .compute(scratch: transform.scratch(threads: call.threads)) { buffers in
      transform.fillTables(buffers)
      buffers.parallel(y.lanes, tile)
    }
  }
}

/// Fills in the mirrored half of a real signal's spectrum.
private func mirror<Part>(_ x: UnsafeMutablePointer<ComplexNumber<Part>>, _ length: Int) {
  for j in 1..<max((length + 1) / 2, 1) { x[length - j] = ComplexNumber(x[j].re, -x[j].im) }
  x[0].im = 0
  if length % 2 == 0 { x[length / 2].im = 0 }
}

/// The complex numbers along an axis of a tensor whose last dimension holds real and imaginary
/// parts.
private struct SignalLane: Sendable {
  let count: Int
  let lanes: Int
  private let inner: Int
  private let parts: Int

  init(_ sizes: [Int], axis: Int) {
    let split = AxisSplit(sizes.dropLast(), axis: axis)
    (count, lanes, inner, parts) = (split.size, split.lanes, split.inner, sizes.last ?? 1)
  }

  private func start(_ lane: Int) -> Int { (lane / inner * count * inner + lane % inner) * parts }

  func read<T: RealElement, Part>(
    _ x: UnsafePointer<T>, lane: Int, _ count: Int,
    _ work: UnsafeMutablePointer<ComplexNumber<Part>>
  ) {
    let x = x + start(lane)
    for j in 0..<count {
      let place = j * inner * parts
      work[j] = ComplexNumber(
        Part(x[place].compute), parts == 2 ? Part(x[place + 1].compute) : 0)
    }
  }

  func write<T: RealElement, Part>(
    _ y: UnsafeMutablePointer<T>, lane: Int, _ work: UnsafePointer<ComplexNumber<Part>>
  ) {
    let y = y + start(lane)
    for j in 0..<count {
      y[j * inner * parts] = T(compute: T.Compute(work[j].re))
      if parts == 2 { y[j * inner * parts + 1] = T(compute: T.Compute(work[j].im)) }
    }
  }
}

extension DFT {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        20,
        up: { change throws(OperatorError) in
          let axis = try change.int("axis") ?? 1
          change.setInput(2, change.constant(Tensor(Int64(axis)), "axis"))
          change.drop("axis")
        },
        down: { change throws(OperatorError) in
          let axis = change.has(2) ? try change.integers(2).first ?? -2 : -2
          change.set(.int("axis", axis))
          change.setInput(2, "")
        })
    ]
  }
}
