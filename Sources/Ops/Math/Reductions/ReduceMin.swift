import ONNXFormat
import ONNXOperators

/// The smallest element, NaN if any element is. An empty reduction gives ∞ or the largest integer.
struct ReduceMin: ReductionOperator, DifferentiableOperator {
  static let schema = Schema(
    "ReduceMin",
    [
      1: .reducible, 11: .reducible, 12: [.reducible, .int8, .uint8],
      13: [.reducible, .bfloat16, .int8, .uint8], 18: [.reducible, .bfloat16, .int8, .uint8],
      20: [.reducible, .bfloat16, .int8, .uint8, .bool],
    ], inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    switch type {
    case .float32: reduction.kernel(FloatLeastReducer.self) { $0 }
    case .float16: reduction.kernel(HalfReducer<Float16, FloatLeastReducer>.self) { Float16($0) }
    case .bfloat16:
      reduction.kernel(HalfReducer<BFloat16, FloatLeastReducer>.self) { BFloat16($0) }
    case .float64: reduction.kernel(LeastReducer<Double>.self) { $0 }
    case .int8: reduction.kernel(LeastReducer<Int8>.self) { $0 }
    case .int32: reduction.kernel(LeastReducer<Int32>.self) { $0 }
    case .int64: reduction.kernel(LeastReducer<Int64>.self) { $0 }
    case .uint8: reduction.kernel(LeastReducer<UInt8>.self) { $0 }
    case .uint32: reduction.kernel(LeastReducer<UInt32>.self) { $0 }
    case .uint64: reduction.kernel(LeastReducer<UInt64>.self) { $0 }
    // `false < true`. Any nonzero byte is true, so results are normalised to 0 and 1.
    case .bool: reduction.kernel(LeastReducer<UInt8>.self) { $0 == 0 ? 0 as UInt8 : 1 }
    default: nil
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try shareAmongEqual(&backward)
  }
}
