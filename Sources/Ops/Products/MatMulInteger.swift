import ONNXFormat
import ONNXOperators

/// The matrix product of `A` and `B`, each minus its zero point, in int32. A zero point is one
/// number, or one per row of `A` or column of `B`.
struct MatMulInteger: Operator {
  static let schema = Schema("MatMulInteger", [10: [.int8, .uint8]], inputs: 2...4)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0, [.int8, .uint8])
    let b = try inputs.tensor(1, [.int8, .uint8])
    try inputs.checkQuantization(of: 0, zeroPoint: 2)
    try inputs.checkQuantization(of: 1, zeroPoint: 3)
    return [.tensor(.int32, try productShape(a.shape, b.shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let operands = try QuantizedOperands(call, a: 0, b: 1, zeroA: 2, zeroB: 3)
    if let product = try ByteProduct(call, operands, .sums) { return product.kernel() }
    call.note("plain loops over 8-bit integers")
    switch (try call.elementType(0), try call.elementType(1)) {
    case (.int8, .int8): return operands.kernel(IntegerProduct<Int8, Int8>(operands))
    case (.int8, _): return operands.kernel(IntegerProduct<Int8, UInt8>(operands))
    case (_, .int8): return operands.kernel(IntegerProduct<UInt8, Int8>(operands))
    default: return operands.kernel(IntegerProduct<UInt8, UInt8>(operands))
    }
  }
}

/// Two quantised matrices and their zero points.
struct QuantizedOperands: Sendable {
  let sizes: ProductSizes
  let places: (a: Int, b: Int)
  let zeroA: QuantizationParameter
  let zeroB: QuantizationParameter

  init(
    _ call: Preparation, a: Int, b: Int, zeroA: Int, zeroB: Int
  ) throws(OperatorError) {
    places = (a, b)
    sizes = try ProductSizes(try call.inputSizes(a), try call.inputSizes(b))
    let matricesA = try call.inputSizes(a).dropLast(2).elementCount ?? 0
    let matricesB = try call.inputSizes(b).dropLast(2).elementCount ?? 0
    self.zeroA = try QuantizationParameter(call, zeroA, lines: sizes.rows, matrices: matricesA)
    self.zeroB = try QuantizationParameter(call, zeroB, lines: sizes.columns, matrices: matricesB)
  }

  func kernel<Rule: ProductRule>(_ rule: Rule) -> Kernel {
    PlainProduct(sizes: sizes, a: places.a, b: places.b).kernel(rule)
  }
}

/// `y = Σ (a − za) · (b − zb)`, modulo 2³².
struct IntegerProduct<A: QuantizedElement, B: QuantizedElement>: ProductRule {
  typealias Context = (a: UnsafePointer<A>?, b: UnsafePointer<B>?)
  let operands: QuantizedOperands

  init(_ operands: QuantizedOperands) { self.operands = operands }

  func context(_ buffers: Buffers, a: Int, b: Int) -> Context {
    (
      operands.zeroA.pointer(buffers, matrix: a, as: A.self),
      operands.zeroB.pointer(buffers, matrix: b, as: B.self)
    )
  }
  func left(_ a: A, row: Int, _ zero: Context) -> Int32 {
    Int32(a) - operands.zeroA.value(zero.a, row)
  }
  func right(_ b: B, column: Int, _ zero: Context) -> Int32 {
    Int32(b) - operands.zeroB.value(zero.b, column)
  }
  var start: Int32 { 0 }
  func add(_ sum: inout Int32, _ a: Int32, _ b: Int32) { sum &+= a &* b }
  func finish(_ sum: Int32, row: Int, column: Int, _ zero: Context) -> Int32 { sum }
}

extension MatMulInteger {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.product(0, 1) }
}
