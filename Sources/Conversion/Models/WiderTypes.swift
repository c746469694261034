import ONNX

extension ElementType {
  /// Types that hold all values of this one and in which an operator makes the same of them, the
  /// narrowest first.
  func wider(for operatorType: String) -> [ElementType] {
    switch self {
    // Operators compute in float32 anyway.
    case .float16, .bfloat16: return [.float32]
    case .bool: return Self.moving.contains(operatorType) ? [.uint8, .int32, .float32] : []
    case .int8, .uint8, .int16, .uint16:
      if Self.moving.contains(operatorType) { return [.int32, .int64, .float32] }
      return Self.wrapping.contains(operatorType) ? [.int32, .int64] : []
    case .int32, .uint32:
      if Self.moving.contains(operatorType) { return [.int64, .float64] }
      return Self.wrapping.contains(operatorType) ? [.int64] : []
    default: return []
    }
  }

  /// Operators that move elements or compare them.
  private static let moving: Set<String> = [
    "ArgMax", "ArgMin", "Clip", "Compress", "Concat", "DepthToSpace", "Equal", "Expand", "Flatten",
    "Gather", "GatherElements", "GatherND", "Greater", "GreaterOrEqual", "Identity", "Less",
    "LessOrEqual", "Max", "MaxPool", "Min", "NonZero", "Pad", "Relu",
    "Reshape", "ReverseSequence", "Shape", "Sign", "Size", "Slice", "SpaceToDepth", "Split",
    "Squeeze", "Tile", "TopK", "Transpose", "Unsqueeze",
  ]

  /// Operators whose results, cut to the narrow type, are those of arithmetic in it.
  private static let wrapping: Set<String> = [
    "Abs", "Add", "CumSum", "Div", "Gemm", "MatMul", "Mul", "Neg", "ReduceL1", "ReduceProd",
    "ReduceSum", "ReduceSumSquare", "Sub",
  ]

  /// The first operator set in which this type can be made of others.
  var castableSince: Int {
    (1...Registry.newestVersion).first {
      Registry.standard.find("Cast", domain: "", operatorSet: $0)?.types.contains(self) == true
    } ?? Int.max
  }
}
