import ONNXFormat
import ONNXOperators

/// The number of floating-point operations of a node: two for each multiply-add, one for each element of
/// other results, none for moving elements; `nil` where sizes are unknown.
func operationCount(_ node: Node, _ types: [String: ValueType]) -> Int? {
  guard Registry.normalized(domain: node.domain).isEmpty else { return nil }
  func sizes(_ names: [String], _ index: Int) -> [Int]? {
    index < names.count ? types[names[index]]?.tensorType?.shape?.sizes : nil
  }
  func input(_ index: Int) -> [Int]? { sizes(node.inputs, index) }
  func count(_ sizes: [Int]?) -> Int? { sizes?.elementCount }
  guard let result = count(sizes(node.outputs, 0)) else { return nil }

  switch node.operatorType {
  case "Conv", "ConvInteger", "DeformConv":
    guard let filter = input(1), let (_, size) = split(filter) else { return nil }
    return product(2, result, size)
  case "ConvTranspose":
    guard let source = count(input(0)), let filter = input(1), let (_, size) = split(filter) else {
      return nil
    }
    return product(2, source, size)
  case "MatMul", "MatMulInteger":
    return input(0)?.last.map { product(2, result, $0) }
  case "QLinearMatMul": return input(0)?.last.map { product(2, result, $0) }
  case "QLinearConv":
    guard let filter = input(3), let (_, size) = split(filter) else { return nil }
    return product(2, result, size)
  case "Gemm":
    guard let a = input(0), a.count == 2 else { return nil }
    var isTransposed = false
    if case .int(let flag)? = node.attribute("transA")?.value { isTransposed = flag != 0 }
    return product(2, result, a[isTransposed ? 0 : 1])
  case "RNN", "GRU", "LSTM":
    guard let x = input(0), x.count == 3, let w = count(input(1)), let r = count(input(2)) else {
      return nil
    }
    return product(2, x[0] &* x[1], w &+ r)
  case "MaxPool", "AveragePool", "LpPool":
    guard case .ints(let kernel)? = node.attribute("kernel_shape")?.value else { return nil }
    return product(1, result, kernel.reduce(1) { $0 &* Int($1) })
  case let type where type.hasPrefix("Global") || type.hasPrefix("Reduce"):
    return count(input(0))
  default: return movesElements.contains(node.operatorType) ? 0 : result
  }
}

private func split(_ sizes: [Int]) -> (first: Int, rest: Int)? {
  guard let first = sizes.first, let rest = sizes.dropFirst().elementCount else { return nil }
  return (first, rest)
}

/// The product, or `Int.max` where it overflows.
private func product(_ factors: Int...) -> Int { factors.elementCount ?? Int.max }

/// Operators that move elements and compute nothing.
private let movesElements: Set<String> = [
  "Cast", "CastLike", "CenterCropPad", "Col2Im", "Compress", "Concat", "ConcatFromSequence",
  "Constant", "ConstantOfShape", "DepthToSpace", "Dropout", "Expand", "EyeLike", "Flatten",
  "Gather", "GatherElements", "GatherND", "Identity", "If", "Loop", "NonZero", "OneHot",
  "Optional", "OptionalGetElement", "OptionalHasElement", "Pad", "Reshape", "ReverseSequence",
  "Scan", "Scatter", "ScatterElements", "ScatterND", "SequenceAt", "SequenceConstruct",
  "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "Shape", "Size", "Slice",
  "SpaceToDepth", "Split", "SplitToSequence", "Squeeze", "Tile", "Transpose", "Trilu",
  "Unsqueeze", "Upsample",
]
