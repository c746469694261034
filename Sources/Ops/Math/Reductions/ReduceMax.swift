import ONNXFormat
import ONNXOperators

/// The largest element, NaN if any element is. An empty reduction gives −∞ or the smallest integer.
struct ReduceMax: ReductionOperator, DifferentiableOperator {
  static let schema = Schema(
    "ReduceMax",
    [
      1: .reducible, 11: .reducible, 12: [.reducible, .int8, .uint8],
      13: [.reducible, .bfloat16, .int8, .uint8], 18: [.reducible, .bfloat16, .int8, .uint8],
      20: [.reducible, .bfloat16, .int8, .uint8, .bool],
    ], inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    switch type {
    case .float32: reduction.kernel(FloatGreatestReducer.self) { $0 }
    case .float16:
      reduction.kernel(HalfReducer<Float16, FloatGreatestReducer>.self) { Float16($0) }
    case .bfloat16:
      reduction.kernel(HalfReducer<BFloat16, FloatGreatestReducer>.self) { BFloat16($0) }
    case .float64: reduction.kernel(GreatestReducer<Double>.self) { $0 }
    case .int8: reduction.kernel(GreatestReducer<Int8>.self) { $0 }
    case .int32: reduction.kernel(GreatestReducer<Int32>.self) { $0 }
    case .int64: reduction.kernel(GreatestReducer<Int64>.self) { $0 }
    case .uint8: reduction.kernel(GreatestReducer<UInt8>.self) { $0 }
    case .uint32: reduction.kernel(GreatestReducer<UInt32>.self) { $0 }
    case .uint64: reduction.kernel(GreatestReducer<UInt64>.self) { $0 }
    // `false < true`. Any nonzero byte is true, so results are normalised to 0 and 1.
    case .bool: reduction.kernel(GreatestReducer<UInt8>.self) { $0 == 0 ? 0 as UInt8 : 1 }
    default: nil
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try shareAmongEqual(&backward)
  }
}
