import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The convolution of `X` and `W`, each minus its zero point, in int32. Padding equals the zero
/// point of `X`. `W` has one zero point, or one per output channel.
struct ConvInteger: Operator {
  static let schema = Schema("ConvInteger", [10: [.int8, .uint8]], inputs: 2...4)
  let convolution: Convolution

  init(_ node: inout NodeReader) throws(OperatorError) {
    convolution = try Convolution(&node)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    _ = try inputs.tensor(0, [.int8, .uint8])
    _ = try inputs.tensor(1, [.int8, .uint8])
    try inputs.checkQuantization(of: 0, zeroPoint: 2)
    try inputs.checkQuantization(of: 1, zeroPoint: 3)
    return [.tensor(.int32, try convolution.infer(inputs))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let operands = try QuantizedWindows(convolution, call, x: 0, w: 1, zeroX: 2, zeroW: 3)
    if operands.geometry.isEmpty { return .compute { _ in } }
    if let kernel = try operands.byteKernel(call, .sums) { return kernel }
    call.note("plain loops over 8-bit integers")
    switch (try call.elementType(0), try call.elementType(1)) {
    case (.int8, .int8): return operands.kernel(IntegerConvolution<Int8, Int8>(operands))
    case (.int8, _): return operands.kernel(IntegerConvolution<Int8, UInt8>(operands))
    case (_, .int8): return operands.kernel(IntegerConvolution<UInt8, Int8>(operands))
    default: return operands.kernel(IntegerConvolution<UInt8, UInt8>(operands))
    }
  }
}

/// A quantised image and kernel with their zero points.
struct QuantizedWindows: Sendable {
  let geometry: ConvolutionGeometry
  let places: (x: Int, w: Int)
  let zeroX: QuantizationParameter
  let zeroW: QuantizationParameter

  init(
    _ convolution: Convolution, _ call: Preparation, x: Int, w: Int, zeroX: Int, zeroW: Int
  ) throws(OperatorError) {
    places = (x, w)
    geometry = try convolution.geometry(call, x: x, w: w)
    self.zeroX = try QuantizationParameter(call, zeroX, lines: 1)
    self.zeroW = try QuantizationParameter(call, zeroW, lines: try call.inputSizes(w)[0])
  }

  /// A kernel that multiplies in 8 bits; `nil` if plain loops need far less memory.
  func byteKernel(
    _ call: Preparation, _ results: ByteResults
  ) throws(OperatorError) -> Kernel? {
    guard let rows = try ByteRows(self, call, results) else { return nil }
    if let depthwise = ByteDepthwise(self, rows.codes.w) {
      return try depthwise.kernel(call, rows)
    }
    return try ByteConvolution(self, rows.codes.w)?.kernel(call, rows)
  }

  /// A kernel of plain loops.
  func kernel<Rule: ConvolutionRule>(_ rule: Rule) -> Kernel {
    DirectConvolution(geometry: geometry, x: places.x, w: places.w).kernel(rule)
  }
}

/// `y = Σ (x − zx) · (w − zw)`, modulo 2³².
struct IntegerConvolution<X: QuantizedElement, W: QuantizedElement>: ConvolutionRule {
  typealias Channel = (zeroX: Int32, zeroW: Int32)
  let operands: QuantizedWindows

  init(_ operands: QuantizedWindows) { self.operands = operands }

  func channel(_ index: Int, _ buffers: Buffers) -> Channel {
    (
      operands.zeroX.value(operands.zeroX.pointer(buffers, as: X.self), 0),
      operands.zeroW.value(operands.zeroW.pointer(buffers, as: W.self), index)
    )
  }
  func start(_ channel: Channel) -> Int32 { 0 }
  func add(_ sum: inout Int32, _ x: X, _ w: W, _ channel: Channel) {
    sum &+= (Int32(x) - channel.zeroX) &* (Int32(w) - channel.zeroW)
  }
  func finish(_ sum: Int32, _ channel: Channel, _ buffers: Buffers, place: Int) -> Int32 { sum }
}
