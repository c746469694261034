import CKernels
import ONNXFormat
import ONNXOperators

/// The form of the result of a product of bytes, computed from exact sums.
enum ByteResult: Sendable {
  /// The sums, in int32.
  case sums
  /// `activation(scale · sum + bias)` in float32, with one scale or one per column, and a bias per
  /// column in this input. The activation must be a clamp.
  case scaled(scale: QuantizationParameter, bias: Int?, activation: Activation)
  /// `saturate(round(scale · sum) + zero)` in int8 or uint8.
  case quantized(ProductScales, zero: QuantizationParameter, isSigned: Bool)

  /// Scales of rows and of columns.
  var rowScales: [QuantizationParameter] {
    if case .quantized(let scales, _, _) = self { [scales.a] } else { [] }
  }
  var columnScales: [QuantizationParameter] {
    switch self {
    case .sums: []
    case .scaled(let scale, _, _): [scale]
    case .quantized(let scales, _, _): [scales.b]
    }
  }

  /// Whether there is a scale for each column; otherwise there is one for each row.
  var scalesColumns: Bool { columnScales.contains { $0.line != 0 } }
  var scalesRows: Bool { if case .sums = self { false } else { !scalesColumns } }

  var elementSize: Int { if case .quantized = self { 1 } else { 4 } }

  /// The scales of the columns, if an input has them; otherwise `setColumnScales` computes them.
  func inputScales(_ buffers: Buffers) -> UnsafePointer<Float>? {
    guard case .scaled(let scale, _, _) = self, scale.line != 0 else { return nil }
    return scale.pointer(buffers, as: Float.self)
  }

  func setColumnScales(_ buffers: Buffers, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    guard scalesColumns, inputScales(buffers) == nil else { return }
    for column in 0..<count { target[column] = scale(buffers, row: 0, column: column) }
  }

  func setRowScales(
    _ buffers: Buffers, _ target: UnsafeMutablePointer<Float>, _ rows: Range<Int>
  ) {
    guard scalesRows else { return }
    for row in rows { target[row - rows.lowerBound] = scale(buffers, row: row, column: 0) }
  }

  private func scale(_ buffers: Buffers, row: Int, column: Int) -> Float {
    switch self {
    case .sums: 1
    case .scaled(let scale, _, _): scale.scale(buffers, .float32, line: column)
    case .quantized(let scales, _, _): scales.value(buffers, (0, row), (0, column))
    }
  }

  /// Sets the last operations of the kernel.
  /// - Parameter column: the first column of the part
  func finish(_ epilogue: inout ck_int8_epilogue, _ buffers: Buffers, column: Int) {
    switch self {
    case .sums: epilogue.result = CK_INT8_SUMS
    case .scaled(_, let bias, let activation):
      epilogue.result = CK_INT8_FLOATS
      (epilogue.low, epilogue.high) = activation.bounds
      epilogue.column_bias = bias.map { buffers.input($0, as: Float.self) + column }
    case .quantized(_, let zero, let isSigned):
      epilogue.result = isSigned ? CK_INT8_SIGNED : CK_INT8_UNSIGNED
      (epilogue.low, epilogue.high) = isSigned ? (-128, 127) : (0, 255)
      let code = zero.code(zero.pointer(buffers, as: UInt8.self), 0)
      epilogue.zero = isSigned ? Int32(Int8(bitPattern: code)) : Int32(code)
    }
  }
}

/// `sa · sb / sy` of an element of a product of quantised matrices.
struct ProductScales: Sendable {
  let a: QuantizationParameter
  let b: QuantizationParameter
  private let y: QuantizationParameter
  private let types: (a: ElementType, b: ElementType, y: ElementType)

  init(_ operands: QuantizedOperands, _ call: Preparation) throws(OperatorError) {
    let sizes = operands.sizes
    a = try QuantizationParameter(
      call, 1, lines: sizes.rows, matrices: call.inputSizes(0).dropLast(2).elementCount ?? 0)
    b = try QuantizationParameter(
      call, 4, lines: sizes.columns, matrices: call.inputSizes(3).dropLast(2).elementCount ?? 0)
    y = try QuantizationParameter(call, 6, lines: 1)
    types = (try call.elementType(1), try call.elementType(4), try call.elementType(6))
  }

  func value(
    _ buffers: Buffers, _ a: (matrix: Int, row: Int), _ b: (matrix: Int, column: Int)
  ) -> Float {
    self.a.scale(buffers, types.a, line: a.row, matrix: a.matrix)
      * self.b.scale(buffers, types.b, line: b.column, matrix: b.matrix)
      / y.scale(buffers, types.y, line: 0)
  }
}
