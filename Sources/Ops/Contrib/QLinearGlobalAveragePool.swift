import ONNXFormat
import ONNXOperators

/// The mean of each channel of 8-bit integers, with the channels first or last:
/// `y = saturate(round(Σ (x − zx) · sx / (sy · count)) + zy)`, with a sum of integers.
struct QLinearGlobalAveragePool: FunctionOperator {
  static let schema = Schema(
    "QLinearGlobalAveragePool", domain: ContribOperators.domain, [1: [.int8, .uint8]],
    inputs: 5...5)
  let isChannelsLast: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    isChannelsLast = try node.flag("channels_last")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let (x, one) = (function.input(0), function.builder.constant(Tensor(Int64(1))))
    let sizes = function.builder.shape(of: x)
    let rank = function.node("Size", [sizes])
    let axes =
      isChannelsLast
      ? function.node("Range", [one, function.builder.sub(rank, one), one])
      : function.node("Range", [function.builder.constant(Tensor(Int64(2))), rank, one])
    let count = function.node(
      "ReduceProd", [function.node("Gather", [sizes, axes])], [.int("keepdims", 0)])
    var sum = function.node(
      "ReduceSum", [function.builder.cast(x, to: .int32), axes],
      [.int("noop_with_empty_axes", 1)])
    if function.has(2) {
      let zeros = function.builder.mul(
        function.builder.cast(function.single(2), to: .int32),
        function.builder.cast(count, to: .int32))
      sum = function.builder.sub(sum, zeros)
    }
    let levels = function.builder.mul(
      function.single(3), function.builder.cast(count, to: .float32))
    let scale = function.builder.div(function.single(1), levels)
    let y = function.builder.mul(function.builder.cast(sum, to: .float32), scale)
    function.set(0, function.rounded(y, zero: 4, like: 0))
  }
}
