import ONNXFormat
import ONNXOperators

/// A convolution of each channel of `[batch, channels, length]` with the numbers before it, the first of
/// which come from a state `[batch, channels, rows]` that the last ones replace.
struct CausalConvWithState: FunctionOperator {
  static let schema = Schema(
    "CausalConvWithState", domain: ContribOperators.domain,
    [1: [.float32, .float16, .bfloat16]], inputs: 2...4, outputs: 1...2)
  static let needsTypes = true
  let isActivated: Bool
  let isChannelsLast: Bool
  let dilation: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    let choices = ["none", "silu", "swish"]
    isActivated = try node.choice("activation", default: "none", among: choices) != "none"
    isChannelsLast = try node.flag("channels_last")
    dilation = try node.int("dilation", default: 1)
    guard dilation >= 1, dilation < 1 << 31 else {
      throw .attribute("dilation", "expected a positive number, got \(dilation)")
    }
    guard try node.int("ndim", default: 1) == 1 else {
      throw .attribute("ndim", "only 1 is supported")
    }
    guard try node.int("state_window", default: 0) == 0 else {
      throw .attribute("state_window", "only 0 is supported: the state after the last position")
    }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard let shape = function.shape(0), isChannelsLast ? shape.rank >= 3 : shape.rank == 3 else {
      throw .input(0, "expected rank 3")
    }
    guard let weight = function.shape(1), weight.rank == 3, let channels = weight[0].size,
      let taps = weight[2].size, channels > 0, taps > 0
    else { throw .input(1, "expected a known shape [channels, 1, size]") }
    let rows = Int.work(taps - 1, dilation)
    guard rows < 1 << 40 else {
      throw .attribute("dilation", "the state of \(taps) taps overflows with \(dilation)")
    }
    func first(_ x: String) -> String {
      guard isChannelsLast else { return x }
      return function.builder.transpose(function.reshape(x, [0, 0, channels]), [0, 2, 1])
    }
    let x = first(function.input(0))
    let whole =
      function.has(3)
      ? function.node("Concat", [first(function.input(3)), x], [.int("axis", 2)])
      : function.node("Pad", [x, function.builder.integers([0, 0, rows, 0, 0, 0])])
    var result = function.node(
      "Conv", [whole, function.input(1), function.input(2)],
      [.int("group", channels), .ints("dilations", [dilation])])
    if isActivated {
      result = function.node("Mul", [result, function.node("Sigmoid", [result])])
    }
    // The last rows of past and input.
    let length = function.size(of: x, axis: 2)
    var state = function.slice(
      whole, axis: 2, from: length, to: function.builder.integers([.max]))
    if isChannelsLast {
      result = function.builder.reshape(
        function.builder.transpose(result, [0, 2, 1]),
        to: function.builder.shape(of: function.input(0)))
      state = function.builder.transpose(state, [0, 2, 1])
      if shape.rank > 3 {
        let tail = function.node("Shape", [function.input(0)], [.int("start", 2)])
        let head = function.builder.integers([0, 0])
        state = function.node(
          "Reshape", [state, function.node("Concat", [head, tail], [.int("axis", 0)])])
      }
    }
    function.set(0, result)
    function.set(1, state)
  }
}
