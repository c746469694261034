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
    guard dilation > 0 else {
      throw .attribute("dilation", "expected a positive number, got \(dilation)")
    }
    for (name, value) in [("ndim", 1), ("state_window", 0)] {
      let given = try node.int(name, default: value)
      guard given == value else { throw .unsupported("\(name) \(given) instead of \(value)") }
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    if dilation > 1, try inputs.tensor(1).shape?.sizes == nil {
      let type = try inputs.tensor(0).elementType
      return [.tensor(type, nil), .tensor(type, nil)]
    }
    return try inferBody(inputs)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var x = function.input(0)
    var past = function.input(3)
    if isChannelsLast {
      x = function.builder.transpose(x, [0, 2, 1])
      if !past.isEmpty { past = function.builder.transpose(past, [0, 2, 1]) }
    }
    var results: [String]
    if dilation == 1 {
      results = function.builder.nodes(
        "CausalConvWithState", [x, function.input(1), function.input(2), past],
        [.string("activation", isGated ? "silu" : "none")], outputs: ["y", "state"],
        operatorSet: 27)
    } else {
      results = try dilated(x, past, &function)
    }
    if isChannelsLast { results = results.map { function.builder.transpose($0, [0, 2, 1]) } }
    for (index, result) in results.enumerated() { function.set(index, result) }
  }

  private func dilated(
    _ x: String, _ past: String, _ function: inout FunctionBuilder
  ) throws(OperatorError) -> [String] {
    guard let sizes = function.shape(1)?.sizes, sizes.count == 3, sizes[2] > 0 else {
      throw .input(1, "the shape of the weights must be known, [C, 1, k]")
    }
    let state = Int.work(sizes[2] - 1, dilation)
    let line =
      past.isEmpty
      ? function.node("Pad", [x, function.builder.integers([0, 0, state, 0, 0, 0])])
      : function.node("Concat", [past, x], [.int("axis", 2)])
    var y = function.node(
      "Conv", [line, function.input(1), function.input(2)],
      [.int("group", sizes[0]), .ints("dilations", [dilation])])
    if isGated { y = function.node("Swish", [y], version: 24) }
    let length = function.node(
      "Slice",
      [
        function.builder.shape(of: line), function.builder.integers([2]),
        function.builder.integers([3]),
      ])
    let first = function.node("Sub", [length, function.builder.integers([state])])
    let present = function.node(
      "Slice", [line, first, length, function.builder.integers([2])])
    return [y, present]
  }
}
