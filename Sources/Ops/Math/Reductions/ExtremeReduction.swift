import ONNXFormat
import ONNXOperators

/// The largest element.
enum Greatest: ReductionKind {
  typealias ForFloat = FloatGreatestReducer
  static func kernel<T: ArithmeticElement, Y>(
    _ reduction: Reduction, _ finish: @escaping @Sendable (T) -> Y
  ) -> Kernel { reduction.kernel(GreatestReducer<T>.self, finish) }
}

/// The smallest element.
enum Least: ReductionKind {
  typealias ForFloat = FloatLeastReducer
  static func kernel<T: ArithmeticElement, Y>(
    _ reduction: Reduction, _ finish: @escaping @Sendable (T) -> Y
  ) -> Kernel { reduction.kernel(LeastReducer<T>.self, finish) }
}

/// `ReduceMax` or `ReduceMin`.
protocol ExtremeReduction: ReductionOperator, DifferentiableOperator {
  associatedtype Kind: ReductionKind where Kind.ForFloat.Accumulator == Float
}

extension ExtremeReduction {
  static var versions: KeyValuePairs<Int, TypeSet> {
    [
      1: .reducible, 11: .reducible, 12: [.reducible, .int8, .uint8],
      13: [.reducible, .bfloat16, .int8, .uint8], 18: [.reducible, .bfloat16, .int8, .uint8],
      20: [.reducible, .bfloat16, .int8, .uint8, .bool],
    ]
  }

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    switch type {
    case .float32: reduction.kernel(Kind.ForFloat.self) { $0 }
    case .float16: reduction.kernel(HalfReducer<Float16, Kind.ForFloat>.self) { Float16($0) }
    case .bfloat16: reduction.kernel(HalfReducer<BFloat16, Kind.ForFloat>.self) { BFloat16($0) }
    case .float64: Kind.kernel(reduction) { (x: Double) in x }
    case .int8: Kind.kernel(reduction) { (x: Int8) in x }
    case .int32: Kind.kernel(reduction) { (x: Int32) in x }
    case .int64: Kind.kernel(reduction) { (x: Int64) in x }
    case .uint8: Kind.kernel(reduction) { (x: UInt8) in x }
    case .uint32: Kind.kernel(reduction) { (x: UInt32) in x }
    case .uint64: Kind.kernel(reduction) { (x: UInt64) in x }
    // `false < true`. Any nonzero byte is true, so results are normalised to 0 and 1.
    case .bool: Kind.kernel(reduction) { (x: UInt8) in x == 0 ? 0 as UInt8 : 1 }
    default: nil
    }
  }

  /// Elements equal to the result share its gradient in equal parts.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let y = try keepingAxes(backward.output(0), &backward)
    let isEqual = backward.builder.node("Equal", [backward.input(0), y])
    let mask = backward.builder.cast(isEqual, to: try backward.elementType())
    let count = backward.builder.privateNode("SumTo", [mask, y])
    let share = backward.builder.div(try keepingAxes(gradient, &backward), count)
    backward.set(0, backward.builder.mul(mask, share))
  }
}
