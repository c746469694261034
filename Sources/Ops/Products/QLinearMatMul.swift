import ONNXFormat
import ONNXOperators

/// The matrix product of two quantised tensors with a quantised result:
/// `y = saturate(round(Σ (a − za) · (b − zb) · sa · sb / sy) + zy)`.
struct QLinearMatMul: Operator {
  static let schema = Schema(
    "QLinearMatMul", [10: [.int8, .uint8], 21: [.int8, .uint8, .float8s]], inputs: 8...8)
  private let scales: TypeSet
  private let types: TypeSet

  init(_ node: inout NodeReader) throws(OperatorError) {
    types = node.version >= 21 ? [.int8, .uint8, .float8s] : [.int8, .uint8]
    scales = node.version >= 21 ? [.float32, .float16, .bfloat16] : .float32
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(3)
    for index in [3, 7] { _ = try inputs.tensor(index, types) }
    try inputs.checkQuantization(of: 0, zeroPoint: 2, scale: 1, scales: scales)
    try inputs.checkQuantization(of: 3, zeroPoint: 5, scale: 4, scales: scales)
    _ = try inputs.tensor(6, scales)
    return [.tensor(try inputs.tensor(7).elementType, try productShape(a.shape, b.shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    for index in [0, 3, 7] where TypeSet.float8s.contains(try call.elementType(index)) {
      let operands = try QuantizedOperands(call, a: 0, b: 3, zeroA: 2, zeroB: 5)
      return operands.kernel(try CodedProduct(operands, call))
    }
    let operands = try QuantizedOperands(call, a: 0, b: 3, zeroA: 2, zeroB: 5)
    let result = ByteResult.quantized(
      try ProductScales(operands, call), zero: try QuantizationParameter(call, 7, lines: 1),
      isSigned: try call.elementType(7) == .int8)
    if let product = try ByteProduct(call, operands, result) { return product.kernel() }
    call.note("plain loops over 8-bit integers")
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
  let scales: ProductScales
  let zeroY: QuantizationParameter

  init(_ operands: QuantizedOperands, _ call: Preparation) throws(OperatorError) {
    product = IntegerProduct(operands)
    scales = try ProductScales(operands, call)
    zeroY = try QuantizationParameter(call, 7, lines: 1)
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
    let scale = scales.value(context.buffers, (context.a, row), (context.b, column))
    // In float32, as onnxruntime rounds.
    return Y.quantized(Double(Float(sum) * scale), zeroPoint: context.zeroY)
  }
}

/// The product with float8 elements. Each factor has at most 256 values, which are looked up in
/// tables for all types.
private struct CodedProduct: ProductRule {
  typealias Context = (buffers: Buffers, a: Int, b: Int, zeroY: Double)
  let operands: QuantizedOperands
  let scales: ProductScales
  let zeroY: QuantizationParameter
  let valuesA: [Double]
  let valuesB: [Double]
  let valuesY: [Double]
  let result: ElementType

  init(_ operands: QuantizedOperands, _ call: Preparation) throws(OperatorError) {
    self.operands = operands
    scales = try ProductScales(operands, call)
    zeroY = try QuantizationParameter(call, 7, lines: 1)
    result = try call.elementType(7)
    valuesA = Self.values(try call.elementType(0))
    valuesB = Self.values(try call.elementType(3))
    valuesY = Self.values(result)
  }

  /// The value of each code of an 8-bit type.
  private static func values(_ type: ElementType) -> [Double] {
    (0...255).map { (code: UInt8) in
      switch type {
      case .int8: Double(Int8(bitPattern: code))
      case .float8e4m3fn: Double(Float8E4M3FN(bits: code).float)
      case .float8e4m3fnuz: Double(Float8E4M3FNUZ(bits: code).float)
      case .float8e5m2: Double(Float8E5M2(bits: code).float)
      case .float8e5m2fnuz: Double(Float8E5M2FNUZ(bits: code).float)
      default: Double(code)
      }
    }
  }

  func context(_ buffers: Buffers, a: Int, b: Int) -> Context {
    let zero = zeroY.pointer(buffers, as: UInt8.self).map { valuesY[Int($0[0])] } ?? 0
    return (buffers, a, b, zero)
  }
  func left(_ a: UInt8, row: Int, _ context: Context) -> Double {
    let zero = operands.zeroA.pointer(context.buffers, matrix: context.a, as: UInt8.self)
    return valuesA[Int(a)] - valuesA[Int(operands.zeroA.code(zero, row))]
  }
  func right(_ b: UInt8, column: Int, _ context: Context) -> Double {
    let zero = operands.zeroB.pointer(context.buffers, matrix: context.b, as: UInt8.self)
    return valuesB[Int(b)] - valuesB[Int(operands.zeroB.code(zero, column))]
  }
  var start: Double { 0 }
  func add(_ sum: inout Double, _ a: Double, _ b: Double) { sum += a * b }

  func finish(_ sum: Double, row: Int, column: Int, _ context: Context) -> UInt8 {
    let scale = scales.value(context.buffers, (context.a, row), (context.b, column))
    let y = sum * Double(scale)
    switch result {
    case .uint8: return UInt8.quantized(y, zeroPoint: Int32(context.zeroY))
    case .int8: return UInt8(bitPattern: Int8.quantized(y, zeroPoint: Int32(context.zeroY)))
    case .float8e4m3fnuz: return Float8E4M3FNUZ(Float(y + context.zeroY), saturating: true).bits
    case .float8e5m2: return Float8E5M2(Float(y + context.zeroY), saturating: true).bits
    case .float8e5m2fnuz: return Float8E5M2FNUZ(Float(y + context.zeroY), saturating: true).bits
    default: return Float8E4M3FN(Float(y + context.zeroY), saturating: true).bits
    }
  }
}
