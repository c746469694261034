import ONNXFormat
import ONNXOperators

/// A matrix of the shape of the input with ones on its `k`-th diagonal and zeros elsewhere.
struct EyeLike: FlatOperator {
  static let schema = Schema(
    "EyeLike",
    [9: [.floats, .integers, .bool], 22: [.floats, .bfloat16, .integers, .bool]], inputs: 1...1)
  let type: ElementType?
  let diagonal: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    type = try node.optionalElementType("dtype")
    diagonal = try node.int("k", default: 0)
    if let type, Tensor.one(type) == nil { throw .attribute("dtype", "\(type) is not supported") }
  }

  var needsOnlyTypes: Bool { true }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    return [
      .tensor(type ?? data.elementType, try inputs.shape(0, rank: 2) ?? Shape(rank: 2))
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard let type = call.outputs.first??.elementType, let one = Tensor.one(type) else {
      throw .input(0, "the element type is not supported")
    }
    let sizes = try call.inputSizes(0)
    let (bytes, overflow) = try call.outputCount(0).multipliedReportingOverflow(by: type.stride)
    if overflow { throw .memory(needed: Int.max, limit: Int.max) }
    // Diagonals outside of the matrix are empty.
    let k = min(max(diagonal, -sizes[0]), sizes[1])
    let length = max(min(sizes[0] + min(k, 0), sizes[1] - max(k, 0)), 0)
    let start = k >= 0 ? k : -k &* sizes[1]
    let job = CopyJob.fill(one, [length], to: [sizes[1] &+ 1], at: start)
    return .compute { buffers in
      buffers.output(0, as: UInt8.self).update(repeating: 0, count: bytes)
      job.run(0..<job.copy.units, buffers)
    }
  }
}

extension Tensor {
  /// A scalar 1; `nil` for a type that is not supported.
  static func one(_ type: ElementType) -> Tensor? {
    switch type {
    case .bool: Tensor(true)
    case .int8: Tensor(1 as Int8)
    case .int16: Tensor(1 as Int16)
    case .int32: Tensor(1 as Int32)
    case .int64: Tensor(1 as Int64)
    case .uint8: Tensor(1 as UInt8)
    case .uint16: Tensor(1 as UInt16)
    case .uint32: Tensor(1 as UInt32)
    case .uint64: Tensor(1 as UInt64)
    case .float16: Tensor(1 as Float16)
    case .bfloat16: Tensor(BFloat16(1))
    case .float32: Tensor(1 as Float)
    case .float64: Tensor(1 as Double)
    default: nil
    }
  }
}
