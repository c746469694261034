import CKernels
import ONNXFormat
import ONNXOperators

/// `Y[…, N] = A[…, K] · Wᵀ` with W `[N, K]` in the 4-bit formats of bitsandbytes: FP4 (`quant_type` 0) or
/// NF4 (1). The elements of W in row-major order, two in a byte with the first in the high bits, are
/// numbers from −1 to 1 times the largest magnitude of their block, input 2.
///
/// W stays packed: a thread unpacks a few rows at a time.
struct MatMulBnb4: Operator {
  static let schema = Schema(
    "MatMulBnb4", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 3...3)
  let rows: Int
  let depth: Int
  let block: Int
  private let values: [Float]

  init(_ node: inout NodeReader) throws(OperatorError) {
    rows = try node.int("N")
    depth = try node.int("K")
    block = try node.int("block_size")
    for (name, size) in [("N", rows), ("K", depth)] where !(1...1 << 31 ~= size) {
      throw .attribute(name, "expected a positive size, got \(size)")
    }
    guard 16...1 << 31 ~= block, block & (block - 1) == 0 else {
      throw .attribute("block_size", "expected a power of 2 from 16 on, got \(block)")
    }
    _ = try node.flag("training_mode")
    guard try node.flag("transB", default: true) else {
      throw .unsupported("transB 0 of MatMulBnb4, which only training needs")
    }
    switch try node.int("quant_type") {
    case 0: values = Self.fp4
    case 1: values = Self.nf4
    case let type: throw .attribute("quant_type", "expected 0 (FP4) or 1 (NF4), got \(type)")
    }
  }

  private static let fp4: [Float] = [
    0, 5.208333333e-03, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25, -0, -5.208333333e-03,
    -0.66666667, -1, -0.33333333, -0.5, -0.16666667, -0.25,
  ]
  private static let nf4: [Float] = [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1,
  ]

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    _ = try inputs.tensor(1, .uint8)
    _ = try inputs.tensor(2, sameTypeAs: 0)
    let count = Int.work(rows, depth)
    for (index, size) in [(1, count / 2 + count % 2), (2, (count - 1) / block + 1)] {
      guard let own = try inputs.tensor(index).shape?.sizes?.elementCount else { continue }
      guard own == size else { throw .input(index, "expected \(size) elements, got \(own)") }
    }
    guard let shape = a.shape else { return [.tensor(a.elementType, nil)] }
    guard let last = shape.last, last.size ?? depth == depth else {
      throw .input(0, "expected a last axis of K = \(depth), got shape \(shape)")
    }
    return [.tensor(a.elementType, Shape(shape.dimensions.dropLast() + [.size(rows)]))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.elementType(0).isNarrowFloat { return try call.widened(prepare) }
    let (rows, depth, block, values) = (rows, depth, block, values)
    return UnpackedProduct(rows: try call.inputCount(0) / depth, columns: rows, depth: depth)
      .kernel(
        call, bias: nil
      ) { row, buffers, y in
        let codes = buffers.input(1, as: UInt8.self)
        let scales = buffers.input(2, as: Float.self)
        for k in 0..<depth {
          let index = row * depth + k
          let byte = codes[index / 2]
          y[k] = values[Int(index % 2 == 0 ? byte >> 4 : byte & 15)] * scales[index / block]
        }
      }
  }
}
