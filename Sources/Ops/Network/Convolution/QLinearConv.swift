import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The convolution of quantised tensors with a quantised result:
/// `y = saturate(round((B + Σ (x − zx) · (w − zw)) · sx · sw / sy) + zy)`. `w` has one scale and
/// zero point, or one per output channel.
struct QLinearConv: Operator {
  static let schema = Schema("QLinearConv", [10: [.int8, .uint8]], inputs: 8...9)
  let convolution: Convolution

  init(_ node: inout NodeReader) throws(OperatorError) {
    convolution = try Convolution(&node)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    for index in [0, 3, 7] { _ = try inputs.tensor(index, [.int8, .uint8]) }
    try inputs.checkQuantization(of: 0, zeroPoint: 2, scale: 1)
    try inputs.checkQuantization(of: 3, zeroPoint: 5, scale: 4)
    _ = try inputs.tensor(6, .float32)
    if inputs.has(8) { _ = try inputs.tensor(8, .int32) }
    try convolution.checkBias(inputs, 8, w: 3)
    let shape = try convolution.infer(inputs, x: 0, w: 3)
    return [.tensor(try inputs.tensor(7).elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let operands = try QuantizedWindows(convolution, call, x: 0, w: 3, zeroX: 2, zeroW: 5)
    if operands.geometry.isEmpty { return .compute { _ in } }
    if let results = try ByteResults(quantized: call),
      let kernel = try operands.byteKernel(call, results)
    {
      return kernel
    }
    call.note("plain loops over 8-bit integers: \(operands.geometry.summary)")
    switch (try call.elementType(0), try call.elementType(3)) {
    case (.int8, .int8): return try kernel(operands, call, Int8.self, Int8.self)
    case (.int8, _): return try kernel(operands, call, Int8.self, UInt8.self)
    case (_, .int8): return try kernel(operands, call, UInt8.self, Int8.self)
    default: return try kernel(operands, call, UInt8.self, UInt8.self)
    }
  }

  private func kernel<X: QuantizedElement, W: QuantizedElement>(
    _ operands: QuantizedWindows, _ call: Preparation, _ x: X.Type, _ w: W.Type
  ) throws(OperatorError) -> Kernel {
    switch try call.elementType(7) {
    case .int8: return operands.kernel(try QuantizedConvolution<X, W, Int8>(operands, call))
    default: return operands.kernel(try QuantizedConvolution<X, W, UInt8>(operands, call))
    }
  }
}

private struct QuantizedConvolution<X: QuantizedElement, W: QuantizedElement, Y: QuantizedElement>:
  ConvolutionRule
{
  struct Channel {
    let zero: IntegerConvolution<X, W>.Channel
    let bias: Int32
    let scale: Float
    let zeroY: Int32
  }
  let convolution: IntegerConvolution<X, W>
  let scaleX: QuantizationParameter
  let scaleW: QuantizationParameter
  let scaleY: QuantizationParameter
  let zeroY: QuantizationParameter
  let hasBias: Bool

  init(_ operands: QuantizedWindows, _ call: Preparation) throws(OperatorError) {
    convolution = IntegerConvolution(operands)
    scaleX = try QuantizationParameter(call, 1, lines: 1)
    scaleW = try QuantizationParameter(call, 4, lines: try call.inputSizes(3)[0])
    scaleY = try QuantizationParameter(call, 6, lines: 1)
    zeroY = try QuantizationParameter(call, 7, lines: 1)
    hasBias = call.inputs.has(8)
  }

  func channel(_ index: Int, _ buffers: Buffers) -> Channel {
    let x = scaleX.scale(buffers, .float32, line: 0)
    let w = scaleW.scale(buffers, .float32, line: index)
    let y = scaleY.scale(buffers, .float32, line: 0)
    return Channel(
      zero: convolution.channel(index, buffers),
      bias: hasBias ? buffers.input(8, as: Int32.self)[index] : 0, scale: x * w / y,
      zeroY: zeroY.value(zeroY.pointer(buffers, as: Y.self), 0))
  }
  func start(_ channel: Channel) -> Int32 { channel.bias }
  func add(_ sum: inout Int32, _ x: X, _ w: W, _ channel: Channel) {
    convolution.add(&sum, x, w, channel.zero)
  }
  func finish(_ sum: Int32, _ channel: Channel, _ buffers: Buffers, place: Int) -> Y {
    // In float32, as onnxruntime rounds.
    Y.quantized(Double(Float(sum) * channel.scale), zeroPoint: channel.zeroY)
  }
}

extension Conv {
  func quantized(_ site: QuantizedSite, _ builder: inout GraphBuilder) -> QuantizedOutcome? {
    guard let w = site.input(1), let sizes = site.constant(w.codes)?.shape, sizes.count >= 3,
      sizes.dropFirst().elementCount ?? .max <= longestByteSum,
      site.byteWeight(1, axis: 0, rank: sizes.count) != nil, let x = site.byteInput(0),
      let y = site.byteResult,
      let bias = site.integerBias(2, of: x, w, channels: sizes[0], &builder)
    else { return nil }
    let inputs = [
      x.codes, x.scale, builder.zeroPoint(of: x), w.codes, w.scale, builder.zeroPoint(of: w),
      y.scale, builder.zeroPoint(of: y), bias,
    ]
    return .codes(
      builder.node("QLinearConv", inputs, site.node.attributes, operatorSet: 10))
  }
}
