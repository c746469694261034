import ONNXFormat
import ONNXOperators

/// For each row of the batch, the first `sequence_lens` elements along the time axis in reverse order,
/// followed by the others unchanged.
struct ReverseSequence: DifferentiableOperator {
  static let schema = Schema("ReverseSequence", [10: .classic, 28: .any13], inputs: 2...2)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let isTimeMajor: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    let batchAxis = try node.int("batch_axis", default: 1)
    let timeAxis = try node.int("time_axis", default: 0)
    guard (batchAxis, timeAxis) == (1, 0) || (batchAxis, timeAxis) == (0, 1) else {
      throw .invalid(
        "expected batch_axis and time_axis to be 0 and 1, got \(batchAxis) and \(timeAxis)")
    }
    isTimeMajor = timeAxis == 0
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    _ = try inputs.tensor(1, .int64)
    guard let shape = data.shape else { return [.tensor(data)] }
    guard shape.rank >= 2 else { throw .input(0, "expected at least rank 2, got shape \(shape)") }
    if let lengths = try inputs.shape(1, rank: 1) {
      do { _ = try unify(shape[isTimeMajor ? 1 : 0], lengths[0]) } catch {
        throw .input(1, "\(lengths[0]) lengths do not fit shape \(shape)")
      }
    }
    return [.tensor(data)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let (batch, time) = isTimeMajor ? (sizes[1], sizes[0]) : (sizes[0], sizes[1])
    let block = sizes[2...].wrappingProduct
    let steps = isTimeMajor ? (batch: 1, time: batch) : (batch: time, time: 1)
    if try call.outputCount(0) == 0 { return .compute { _ in } }
    let indices = try Offsets(call, input: 1)
    let count = batch * time
    return try BlockGather(block: block, count: count).kernel(try call.elementType(0)) {
      buffers, offsets throws(OperatorError) in
      let lengths = buffers.input(indices.input, as: Int64.self)
      for row in 0..<batch {
        let length = Int(lengths[row])
        guard length >= 0, length <= time else {
          throw .input(1, "length \(length) of row \(row) is beyond \(time)")
        }
        for t in 0..<time {
          let source = t < length ? length - 1 - t : t
          offsets[row * steps.batch + t * steps.time] = row * steps.batch + source * steps.time
        }
      }
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(
      0,
      backward.builder.node(
        "ReverseSequence", [gradient, backward.input(1)], backward.forward.attributes))
  }
}
