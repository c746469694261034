import ONNXFormat
import ONNXOperators

/// Causal depthwise convolution of `[N, C, L]`, and its state: the last `(k − 1) · dilation` steps of
/// the past state and the input. With `channels_last` both are `[N, L, C]`.
struct CausalConvWithState: FunctionOperator {
  static let schema = Schema(
    "CausalConvWithState", domain: ContribOperators.domain,
    [1: [.float32, .float16, .bfloat16]], inputs: 2...4, outputs: 1...2)
  let isGated: Bool
  let isChannelsLast: Bool
  let dilation: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    let activation = try node.choice(
      "activation", default: "none", among: ["none", "silu", "swish"])
    isGated = activation != "none"
    isChannelsLast = try node.flag("channels_last")
    dilation = try node.int("dilation", default: 1)
    guard (1...(1 << 20)).contains(dilation) else {
      throw .attribute("dilation", "expected 1 to \(1 << 20), got \(dilation)")
    }
    for (name, value) in [("ndim", 1), ("state_window", 0)] {
      let given = try node.int(name, default: value)
      guard given == value else { throw .unsupported("\(name) \(given) instead of \(value)") }
    }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var x = function.input(0)
    var past = function.input(3)
    if isChannelsLast {
      x = function.builder.transpose(x, [0, 2, 1])
      if !past.isEmpty { past = function.builder.transpose(past, [0, 2, 1]) }
    }
    var results = function.builder.nodes(
      "CausalConvWithState", [x, dilated(&function), function.input(2), past],
      [.string("activation", isGated ? "silu" : "none")], outputs: ["y", "state"], operatorSet: 27)
    if isChannelsLast { results = results.map { function.builder.transpose($0, [0, 2, 1]) } }
    for (index, result) in results.enumerated() { function.set(index, result) }
  }

  /// The weights `[C, 1, k]` with `dilation − 1` zeros between them.
  private func dilated(_ function: inout FunctionBuilder) -> String {
    let weights = function.input(1)
    guard dilation > 1 else { return weights }
    let apart = function.node("Unsqueeze", [weights, function.builder.integers([3])])
    let padded = function.node(
      "Pad", [apart, function.builder.integers([0, 0, 0, 0, 0, 0, 0, dilation - 1])])
    let line = function.node("Reshape", [padded, function.builder.integers([0, 0, -1])])
    return function.node(
      "Slice",
      [
        line, function.builder.integers([0]), function.builder.integers([1 - dilation]),
        function.builder.integers([2]),
      ])
  }
}
