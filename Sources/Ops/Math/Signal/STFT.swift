import ONNXFormat
import ONNXOperators
import RealModule

/// The short-time Fourier transform, from `[batch, length, 1 or 2]` to `[batch, frames, bins, 2]`.
/// PyTorch's exporter writes real signals `[batch, length]`, which onnxruntime runs.
///
/// Each frame has `frame_length` points, multiplied by the window, and starts `frame_step` points
/// after the one before.
struct STFT: SpectralOperator {
  static let schema = Schema("STFT", [17: [.floats, .bfloat16]], inputs: 2...4)
  private let isOneSided: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    isOneSided = try node.flag("onesided", default: true)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    let step = try inputs.scalar(1)
    if let step, step <= 0 { throw .input(1, "expected a step of at least 1, got \(step)") }
    if inputs.has(2) { _ = try inputs.tensor(2, sameTypeAs: 0) }
    guard let shape = try signalShape(inputs) else { return [.tensor(type, Shape(rank: 4))] }
    guard (1...2).contains(shape[2].size ?? 1) else {
      throw .input(0, "expected shape [batch, length, 1 or 2], got \(shape)")
    }
    let length = try frameLength(inputs)
    var frames: Int?
    if let length, let step, let signal = shape[1].size {
      guard length <= signal else {
        throw .invalid(
          "expected frames of at most \(signal) points, the signal's length, got \(length)")
      }
      frames = (signal - length) / step + 1
    }
    let bins = length.map { isOneSided ? $0 / 2 + 1 : $0 }
    return [.tensor(type, [shape[0], Dimension(frames), Dimension(bins), 2])]
  }

  /// The shape of the signal with its last dimension.
  private func signalShape(_ inputs: Inputs) throws(OperatorError) -> Shape? {
    guard let shape = try inputs.tensor(0).shape, shape.rank == 2 else {
      return try inputs.shape(0, rank: 3)
    }
    return [shape[0], shape[1], 1]
  }

  func isReal(_ sizes: [Int]) -> Bool { sizes.count == 2 || sizes.last == 1 }

  private func frameLength(_ inputs: Inputs) throws(OperatorError) -> Int? {
    let window = inputs.has(2) ? try inputs.shape(2, rank: 1)?[0].size : nil
    var length = window
    if inputs.has(3) {
      guard let given = try inputs.scalar(3) else { return nil }
      if let window, window != given {
        throw .input(
          2, "expected a window of \(given) points, the length of a frame, got \(window)")
      }
      length = given
    } else if !inputs.has(2) {
      length = try signalShape(inputs)?[1].size
    }
    if let length, length <= 0 {
      throw .invalid("expected frames of at least 1 point, got \(length)")
    }
    return length
  }

  func kernel<T: RealElement, Part: Real & BinaryFloatingPoint & Sendable>(
    _ call: Preparation, _ type: T.Type, _ part: Part.Type
  ) throws(OperatorError) -> Kernel {
    let (sizes, output) = (try call.inputSizes(0), try call.outputSizes(0))
    let parts = isReal(sizes) ? 1 : 2
    guard let length = try frameLength(call.inputs), let step = try call.inputs.scalar(1) else {
      throw .invalid("the length or step of the frames is not known before the run")
    }
    let transform = try FourierTransform<Part>(length: length)
    let signal = sizes[1]
    let (frames, bins) = (output[1], output[2])
    let hasWindow = call.inputs.has(2)
    let tile: Buffers.Tile = { buffers, task, thread in
      let work = transform.work(buffers, thread: thread)
      let start = task / frames * signal + task % frames * step
      let x = buffers.input(0, as: T.self) + start * parts
      for j in 0..<length {
        let weight = hasWindow ? Part(buffers.input(2, as: T.self)[j].compute) : 1
        work[j] = ComplexNumber(
          Part(x[j * parts].compute) * weight,
          parts == 2 ? Part(x[j * parts + 1].compute) * weight : 0)
      }
      transform(buffers, thread: thread)
      let y = buffers.output(0, as: T.self) + task * bins * 2
      for k in 0..<bins {
        y[2 * k] = T(compute: T.Compute(work[k].re))
        y[2 * k + 1] = T(compute: T.Compute(work[k].im))
      }
    }
    let tasks = output.contains(0) ? 0 : output[0] * frames
    return .compute(scratch: transform.scratch(threads: call.threads)) { buffers in
      transform.fillTables(buffers)
      buffers.parallel(tasks, tile)
    }
  }
}

extension STFT {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    guard site.axis() == 1, site.onlyFirstHasSteps,
      let length = try frameLength(site.inputs), let step = try site.inputs.scalar(1)
    else { return .wholeSequence }
    return .window(StepWindow(site.node, extent: length, stride: step))
  }
}
