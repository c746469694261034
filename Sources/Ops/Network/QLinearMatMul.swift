import ONNXFormat

/// The matrix product of two quantised tensors, quantised:
/// `y = saturate(round(Σ (a − za) · (b − zb) · sa · sb / sy) + zy)`.
struct QLinearMatMul: Operator {
  static let schema = Schema(
    "QLinearMatMul", [10: [.int8, .uint8], 21: [.int8, .uint8, .float8s]], inputs: 8...8)
  private let scales: TypeSet

  init(_ node: inout NodeReader) throws(OperatorError) {
    scales = node.version >= 21 ? [.float32, .float16, .bfloat16] : .float32
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(3)
    for tensor in [a, b, try inputs.tensor(7)]
    where tensor.elementType != .int8 && tensor.elementType != .uint8 {
      throw .unsupported("QLinearMatMul of \(tensor.elementType)")
    }
    try inputs.checkQuantization(of: 0, zeroPoint: 2, scale: 1, scales: scales)
    try inputs.checkQuantization(of: 3, zeroPoint: 5, scale: 4, scales: scales)
    _ = try inputs.tensor(6, scales)
    return [.tensor(try inputs.tensor(7).elementType, try productShape(a.shape, b.shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch (try call.elementType(0), try call.elementType(3)) {
    case (.int8, .int8): return try kernel(call, Int8.self, Int8.self)
    case (.int8, _): return try kernel(call, Int8.self, UInt8.self)
    case (_, .int8): return try kernel(call, UInt8.self, Int8.self)
    default: return try kernel(call, UInt8.self, UInt8.self)
    }
  }

  private func kernel<A: QuantizedElement, B: QuantizedElement>(
    _ call: Preparation, _ a: A.Type, _ b: B.Type
  ) throws(OperatorError) -> Kernel {
    let operands = try QuantizedOperands(call, a: 0, b: 3, zeroA: 2, zeroB: 5)
    switch try call.elementType(7) {
    case .int8: return operands.kernel(try QuantizedProduct<A, B, Int8>(operands, call))
    default: return operands.kernel(try QuantizedProduct<A, B, UInt8>(operands, call))
    }
  }
}

private struct QuantizedProduct<A: QuantizedElement, B: QuantizedElement, Y: QuantizedElement>:
  ProductRule
{
  struct Context {
    let zero: IntegerProduct<A, B>.Context
    let zeroY: Int32
    let buffers: Buffers
    let a: Int
    let b: Int
  }
  let product: IntegerProduct<A, B>
  let scaleA: QuantizationParameter
  let scaleB: QuantizationParameter
  let scaleY: QuantizationParameter
  let zeroY: QuantizationParameter
  let scaleTypes: (a: ElementType, b: ElementType, y: ElementType)

  init(_ operands: QuantizedOperands, _ call: Preparation) throws(OperatorError) {
    product = IntegerProduct(operands)
    let sizes = operands.sizes
    scaleA = try QuantizationParameter(
      call, 1, lines: sizes.rows, matrices: call.inputSizes(0).dropLast(2).elementCount ?? 0)
    scaleB = try QuantizationParameter(
      call, 4, lines: sizes.columns, matrices: call.inputSizes(3).dropLast(2).elementCount ?? 0)
    scaleY = try QuantizationParameter(call, 6, lines: 1)
    zeroY = try QuantizationParameter(call, 7, lines: 1)
    scaleTypes = (try call.elementType(1), try call.elementType(4), try call.elementType(6))
  }

  func context(_ buffers: Buffers, a: Int, b: Int) -> Context {
    let zeroY = zeroY.value(zeroY.pointer(buffers, as: Y.self), 0)
    return Context(
      zero: product.context(buffers, a: a, b: b), zeroY: zeroY, buffers: buffers, a: a, b: b)
  }
  func left(_ a: A, row: Int, _ context: Context) -> Int32 {
    product.left(a, row: row, context.zero)
  }
  func right(_ b: B, column: Int, _ context: Context) -> Int32 {
    product.right(b, column: column, context.zero)
  }
  var start: Int32 { 0 }
  func add(_ sum: inout Int32, _ a: Int32, _ b: Int32) { product.add(&sum, a, b) }

  func finish(_ sum: Int32, row: Int, column: Int, _ context: Context) -> Y {
    let a = scaleA.scale(context.buffers, scaleTypes.a, line: row, matrix: context.a)
    let b = scaleB.scale(context.buffers, scaleTypes.b, line: column, matrix: context.b)
    let y = scaleY.scale(context.buffers, scaleTypes.y, line: 0)
    return Y.quantized(Double(sum) * Double(a * b / y), zeroPoint: context.zeroY)
  }
}
