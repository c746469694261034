import ONNXFormat
import ONNXOperators

/// `AveragePool` of dequantised 8-bit integers, quantised, with the channels first or last.
///
/// Means are added in another order than in onnxruntime: those halfway between two integers may differ by 1.
struct QLinearAveragePool: FunctionOperator {
  static let schema = Schema(
    "QLinearAveragePool", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 4...5)
  let window: [Attribute]
  private let layout: ChannelLayout

  init(_ node: inout NodeReader) throws(OperatorError) {
    let kernel = try node.ints("kernel_shape")
    var window: [Attribute] = [.ints("kernel_shape", kernel)]
    for name in ["pads", "strides"] {
      if let numbers = try node.optionalInts(name) { window.append(.ints(name, numbers)) }
    }
    for name in ["ceil_mode", "count_include_pad"] where try node.flag(name) {
      window.append(.int(name, 1))
    }
    if let padding = try node.optionalString("auto_pad") {
      window.append(.string("auto_pad", padding))
    }
    self.window = window
    layout = try ChannelLayout(&node, spatialAxes: kernel.count)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = layout.channelsFirst(function.dequantized(0, scale: 1, zero: 2), &function)
    let y = layout.restored(function.node("AveragePool", [x], window), &function)
    function.set(0, function.roundedLast(y, scale: 3, zero: 4, like: 0))
  }
}
