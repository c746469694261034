import ONNXFormat
import ONNXOperators

/// The mean of each channel of dequantised 8-bit integers, quantised, with the channels first or last.
struct QLinearGlobalAveragePool: FunctionOperator {
  static let schema = Schema(
    "QLinearGlobalAveragePool", domain: ContribOperators.domain, [1: [.int8, .uint8]],
    inputs: 5...5)
  let isChannelsLast: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    isChannelsLast = try node.flag("channels_last")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = function.dequantized(0, scale: 1, zero: 2)
    let y = isChannelsLast ? channelsLast(x, &function) : function.node("GlobalAveragePool", [x])
    function.set(0, function.quantized(y, scale: 3, zero: 4, like: 0))
  }

  /// The mean over axes 1 to rank − 2.
  private func channelsLast(_ x: String, _ function: inout FunctionBuilder) -> String {
    let one = function.builder.constant(Tensor(Int64(1)))
    let rank = function.node("Size", [function.builder.shape(of: x)])
    let end = function.builder.sub(rank, one)
    return function.node("ReduceMean", [x, function.node("Range", [one, end, one])])
  }
}
