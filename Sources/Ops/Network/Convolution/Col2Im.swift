import ComplexModule
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Adds the columns `[N, C · block, windows]` to images `[N, C, …]`: the transpose of copying the
/// blocks of an image to columns.
struct Col2Im: Operator {
  static let schema = Schema("Col2Im", [18: [.classic, .bfloat16]], inputs: 3...3)
  let attributes: WindowAttributes

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try WindowAttributes(&node, autoPad: false)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    let columns = try inputs.shape(0, rank: 3)
    let rank = try inputs.shape(1, rank: 1)?[0].size
    _ = try inputs.shape(2, rank: 1)
    guard let image = try inputs.integers(1), let block = try inputs.integers(2) else {
      return [.tensor(type, rank.map { Shape(rank: $0 + 2) })]
    }
    let window = try window(image, block)
    var result = Shape([0, 0] + image)
    result[0] = columns?[0] ?? .unknown
    result[1] = .unknown
    if let rows = columns?[1].size {
      guard rows % window.kernelCount == 0 else {
        throw .input(0, "\(rows) rows are not divisible by the block size \(window.kernelCount)")
      }
      result[1] = .size(rows / window.kernelCount)
    }
    if let count = columns?[2].size, count != window.outputCount {
      throw .input(0, "expected \(window.outputCount) windows, got \(count)")
    }
    return [.tensor(type, result)]
  }

  /// The windows over an image.
  private func window(_ image: [Int], _ block: [Int]) throws(OperatorError) -> Window {
    guard image.count == block.count, !image.isEmpty, image.allSatisfy({ $0 >= 0 }),
      block.allSatisfy({ $0 > 0 })
    else { throw .input(1, "block shape \(block) does not match image shape \(image)") }
    return try attributes.window(image, kernel: block)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: return try kernel(call, Float.self)
    case .float64: return try kernel(call, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    // Sums modulo 2ⁿ do not depend on the sign.
    case .int8, .uint8: return try kernel(call, UInt8.self)
    case .int16, .uint16: return try kernel(call, UInt16.self)
    case .int32, .uint32: return try kernel(call, UInt32.self)
    case .int64, .uint64: return try kernel(call, UInt64.self)
    case .bool: return try kernel(call, Bool.self)
    case .complex64: return try kernel(call, Complex<Float>.self)
    case .complex128: return try kernel(call, Complex<Double>.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func kernel<T: ProductElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    guard let image = try call.inputs.integers(1), let block = try call.inputs.integers(2) else {
      throw .input(1, "image_shape and block_shape must be constant")
    }
    let window = try window(image, block)
    let sizes = try call.inputSizes(0)
    let images = try call.count([sizes[0], sizes[1] / window.kernelCount])
    guard try call.count([images, window.inputCount]) > 0 else { return .compute { _ in } }
    let count = window.inputCount
    let tile: Buffers.Tile = { buffers, task, thread in
      let sums = buffers.scratch.assumingMemoryBound(to: T.Sum.self) + thread * count
      sums.update(repeating: T.emptySum, count: count)
      let x =
        buffers.input(0, as: T.self) + task * window.kernelCount * window.outputCount
      window.forEach { cz, cy, cx, index in
        window.forEachElement(cz, cy, cx) { place, kernelPlace in
          T.add(&sums[place], x[kernelPlace * window.outputCount + index])
        }
      }
      let y = buffers.output(0, as: T.self) + task * count
      for i in 0..<count { y[i] = T(sum: sums[i]) }
    }
    return .compute(scratch: .work(call.threads, count, MemoryLayout<T.Sum>.stride)) { buffers in
      buffers.parallel(images, tile)
    }
  }
}
