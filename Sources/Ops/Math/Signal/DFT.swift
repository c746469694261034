import ONNXFormat

/// The discrete Fourier transform along an axis, or its inverse; the last dimension holds the real
/// and, where it is 2, the imaginary part.
///
/// `onesided` leaves out the half of a real signal's spectrum that mirrors the other, and its inverse
/// makes a real signal of it. The signal is cut or filled with zeros to `dft_length`, input 1. The
/// axis is input 2, before operator set 20 an attribute.
struct DFT: Operator {
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
    if let count, FourierTransform(length: count) == nil {
      throw .invalid("a transform of length \(count)")
    }
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
    guard place < rank - 1 else { throw .invalid("axis \(axis) holds the complex parts") }
    return place
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: try kernel(call, Float.self)
    case .float64: try kernel(call, Double.self)
    case .float16: try kernel(call, Float16.self)
    case .bfloat16: try kernel(call, BFloat16.self)
    default: throw .input(0, "expected floating point, got \(try call.elementType(0))")
    }
  }

  private func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let (sizes, output) = (try call.inputSizes(0), try call.outputSizes(0))
    guard let axis = try axis(call.inputs, rank: sizes.count) else {
      throw .input(2, "the axis is not known")
    }
    let given = call.inputs.has(1) ? try call.inputs.scalar(1) : nil
    // The spectrum of a real signal does not tell its length.
    let length = given ?? (isOneSided && !isInverse ? sizes[axis] : output[axis])
    guard let transform = FourierTransform(length: length) else {
      throw .invalid("a transform of length \(length)")
    }
    let x = SignalLane(sizes, axis: axis)
    let y = SignalLane(output, axis: axis)
    let (isInverse, isOneSided) = (isInverse, isOneSided)
    let tile: Buffers.Tile = { buffers, task, thread in
      let table = buffers.scratch.assumingMemoryBound(to: Double.self)
      let re = table + transform.tableCount + thread * transform.workCount
      let im = re + transform.imaginaryOffset
      re.update(repeating: 0, count: transform.workCount)
      let mirrored = isInverse && isOneSided
      let used = mirrored ? length / 2 + 1 : length
      x.read(buffers.input(0, as: T.self), lane: task, count: min(used, x.count), re, im)
      if mirrored {
        for j in 1..<max(length - length / 2, 1) {
          (re[length - j], im[length - j]) = (re[j], -im[j])
        }
        im[0] = 0
        if length % 2 == 0 { im[length / 2] = 0 }
      }
      // The inverse is the transform with the parts exchanged.
      if isInverse {
        for j in 0..<length { (re[j], im[j]) = (im[j], re[j]) }
      }
      transform(re, table)
      let scale = isInverse ? 1 / Double(length) : 1
      y.write(
        buffers.output(0, as: T.self), lane: task, isInverse ? im : re, isInverse ? re : im, scale)
    }
    let scratch = 8 * (transform.tableCount + call.threads * transform.workCount)
    return .compute(scratch: scratch) { buffers in
      transform.fillTables(buffers.scratch.assumingMemoryBound(to: Double.self))
      buffers.parallel(y.lanes, tile)
    }
  }
}

/// The complex numbers along an axis of a tensor whose last dimension holds their parts.
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

  func read<T: RealElement>(
    _ x: UnsafePointer<T>, lane: Int, count: Int, _ re: UnsafeMutablePointer<Double>,
    _ im: UnsafeMutablePointer<Double>
  ) {
    let x = x + start(lane)
    for j in 0..<count {
      re[j] = Double(x[j * inner * parts].compute)
      if parts == 2 { im[j] = Double(x[j * inner * parts + 1].compute) }
    }
  }

  func write<T: RealElement>(
    _ y: UnsafeMutablePointer<T>, lane: Int, _ re: UnsafePointer<Double>,
    _ im: UnsafePointer<Double>, _ scale: Double
  ) {
    let y = y + start(lane)
    for j in 0..<count {
      y[j * inner * parts] = T(compute: T.Compute(re[j] * scale))
      if parts == 2 { y[j * inner * parts + 1] = T(compute: T.Compute(im[j] * scale)) }
    }
  }
}
