import ONNXFormat
import ONNXOperators
import ONNXRecurrent

/// `LSTM` with 8-bit weights. X and, before each step, the hidden state are quantised to uint8 as
/// `DynamicQuantizeLinear` does; their products with the weights are sums of integers, scaled to float32.
///
/// The inputs are those of `LSTM`, but W `[D, I, 4H]` and R `[D, H, 4H]` are transposed, then the scale
/// and zero point of W and those of R, each `[D]` or `[D, 4H]`.
///
/// X is quantised as a whole, the hidden state alone for each sample. onnxruntime quantises the hidden
/// states of as many samples together as one of its threads computes.
struct DynamicQuantizeLSTM: Operator {
  static let schema = Schema(
    "DynamicQuantizeLSTM", domain: ContribOperators.domain, [1: .float32], inputs: 12...12,
    outputs: 0...3)
  let attributes: RecurrentAttributes
  let couplesInputAndForget: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try RecurrentAttributes(&node, defaults: [.sigmoid, .tanh, .tanh])
    couplesInputAndForget = try node.flag("input_forget")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.shape(0, rank: 3)
    let r = try inputs.shape(2, rank: 3)
    let directions = Dimension.size(attributes.directions)
    let hidden = attributes.hiddenSize.map { Dimension.size($0) } ?? r?[1] ?? .unknown
    func times(_ factor: Int) -> Dimension {
      hidden.size.map { .size(.work($0, factor)) } ?? .unknown
    }
    for index in [1, 2, 9, 11] { _ = try inputs.tensor(index, [.int8, .uint8]) }
    for index in [3, 5, 6, 7, 8, 10] where inputs.has(index) {
      _ = try inputs.tensor(index, .float32)
    }
    for (zero, weights) in [(9, 1), (11, 2)] { _ = try inputs.tensor(zero, sameTypeAs: weights) }
    try inputs.require(1, [directions, x?[2] ?? .unknown, times(4)])
    try inputs.require(2, [directions, hidden, times(4)])
    if inputs.has(3) { try inputs.require(3, [directions, times(8)]) }
    if inputs.has(4) {
      _ = try inputs.tensor(4, .int32)
      try inputs.require(4, [x?[1] ?? .unknown])
    }
    let state: Shape = [directions, x?[1] ?? .unknown, hidden]
    for index in [5, 6] where inputs.has(index) { try inputs.require(index, state) }
    if inputs.has(7) { try inputs.require(7, [directions, times(3)]) }
    for index in 8...11 {
      let isScalar = try inputs.tensor(index).shape?.rank == 1
      try inputs.require(index, isScalar ? [directions] : [directions, times(4)])
    }
    let sequence: Shape = [x?[0] ?? .unknown, directions, x?[1] ?? .unknown, hidden]
    return [.tensor(.float32, sequence), .tensor(.float32, state), .tensor(.float32, state)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let layer = try QuantizedLSTM(self, call)
    call.note("8-bit weights, X and hidden states quantised in each run")
    return layer.kernel()
  }
}
