import ONNXFormat
import ONNXOperators

/// The matrix product of `numpy.matmul`: over the last two axes, with the axes before them
/// broadcast. A vector is a row on the left and a column on the right.
struct MatMul: Operator {
  static let schema = Schema(
    "MatMul",
    [
      1: .floats, 9: [.floats, .int32, .int64, .uint32, .uint64],
      13: [.floats, .bfloat16, .int32, .int64, .uint32, .uint64],
    ], inputs: 2...2)
  static var widening: Widening { .wrapping }
  static var parameters: [ParameterInput] { [.init(0, .weight), .init(1, .weight)] }

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(1, sameTypeAs: 0)
    return [.tensor(a.elementType, try productShape(a.shape, b.shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.elementType(0).isNarrowFloat { return try call.widened(prepare) }
    let sizes = try ProductSizes(try call.inputSizes(0), try call.inputSizes(1)).folded
    if sizes.matrices == 1, try call.elementType(0) == .float32, call.inputs.constant(1) != nil {
      let product = PanelProduct(
        rows: sizes.rows, columns: sizes.columns, depth: sizes.depth, isTransposed: false,
        bias: nil,
        activation: .none)
      if let kernel = try product.kernel(call) { return kernel }
    }
    return try MatrixProduct(call, ScaledProduct()).kernel(call)
  }
}

/// The matrix product over the last two axes of tensors of rank 2 or higher, with A or B transposed
/// and the axes before them broadcast.
struct TransposedMatMul: Operator {
  static let schema = Schema(
    "TransposedMatMul", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 2...2)
  let transposeA: Bool
  let transposeB: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    transposeA = try node.flag("transA")
    transposeB = try node.flag("transB")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(1, sameTypeAs: 0)
    for (index, shape) in [a.shape, b.shape].enumerated() {
      if let shape, shape.rank < 2 {
        throw .input(index, "expected rank 2 or higher, got shape \(shape)")
      }
    }
    let left = transposeA ? a.shape?.matrixTransposed : a.shape
    let right = transposeB ? b.shape?.matrixTransposed : b.shape
    return [.tensor(a.elementType, try productShape(left, right))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.elementType(0).isNarrowFloat { return try call.widened(prepare) }
    return try MatrixProduct(
      call, ScaledProduct(transposeA: transposeA, transposeB: transposeB)
    ).kernel(call)
  }
}

extension Shape {
  fileprivate var matrixTransposed: Shape {
    var dimensions = dimensions
    dimensions.swapAt(rank - 1, rank - 2)
    return Shape(dimensions)
  }
}

extension MatMul: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let ranks = (a: try backward.rank(0), b: try backward.rank(1))
    switch ranks {
    case (1, 1):
      for input in 0...1 where backward.wants(input) {
        backward.set(input, backward.builder.mul(gradient, backward.input(1 - input)))
      }
    case (2..., 2): flat(gradient, rank: ranks.a, &backward)
    default: batched(gradient, ranks, &backward)
    }
  }

  /// The gradients if one matrix is multiplied by every row of A, for any rank of A.
  private func flat(_ gradient: String, rank: Int, _ backward: inout Backward) {
    let (a, b) = (backward.input(0), backward.input(1))
    var rows = (a, gradient)
    if rank > 2 {
      let axis: [Attribute] = [.int("axis", rank - 1)]
      rows = (
        backward.wants(1) ? backward.builder.node("Flatten", [a], axis) : a,
        backward.builder.node("Flatten", [gradient], axis)
      )
    }
    if backward.wants(0) {
      var result = backward.builder.gemm(rows.1, b, transposeB: true)
      if rank > 2 {
        let shape = backward.builder.shape(of: a)
        result = backward.builder.reshape(result, to: shape)
      }
      backward.set(0, result)
    }
    if backward.wants(1) {
      backward.set(1, backward.builder.gemm(rows.0, rows.1, transposeA: true))
    }
  }

  /// The gradients for a batch of matrices, or with a vector: a row on the left, a column on the
  /// right.
  private func batched(_ gradient: String, _ ranks: (a: Int, b: Int), _ backward: inout Backward) {
    let (isRow, isColumn) = (ranks.a == 1, ranks.b == 1)
    func widened(_ name: String, _ axis: Int) -> String {
      let axes = backward.builder.integers([axis])
      return backward.builder.node("Unsqueeze", [name, axes])
    }
    let a = isRow ? widened(backward.input(0), 0) : backward.input(0)
    let b = isColumn ? widened(backward.input(1), 1) : backward.input(1)
    var g = gradient
    if isRow { g = widened(g, -2) }
    if isColumn { g = widened(g, -1) }
    for (input, x, y, attribute, like, isVector) in [
      (0, g, b, "transB", a, isRow), (1, a, g, "transA", b, isColumn),
    ] where backward.wants(input) {
      let product = backward.builder.privateNode("TransposedMatMul", [x, y], [.int(attribute, 1)])
      var result = backward.builder.privateNode("SumTo", [product, like])
      if isVector {
        let axes = backward.builder.integers([input])
        result = backward.builder.node("Squeeze", [result, axes])
      }
      backward.set(input, result)
    }
  }
}

extension MatMul {
  static func linearWeight(_ node: Node) -> LinearWeight? {
    LinearWeight(outputAxis: 1, sumAxis: 0, takesBias: false)
  }

  static func integerProduct(_ node: Node) -> String? { MatMulInteger.schema.name }
}

extension MatMul {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.product(0, 1) }
}
