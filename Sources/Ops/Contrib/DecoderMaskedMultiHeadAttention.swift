import ONNXFormat
import ONNXOperators

/// Attention of one new query of each sequence: to the past and its own key and value,
/// `[batch, 1, heads · size]`, or to keys and values `[batch, heads, length, size]`.
///
/// Past and present may share a buffer of `past_sequence_length` valid rows, behind which the new ones are
/// written.
struct DecoderMaskedMultiHeadAttention: FunctionOperator {
  static let schema = Schema(
    "DecoderMaskedMultiHeadAttention", domain: ContribOperators.domain,
    [1: [.float32, .float16, .bfloat16]], inputs: 1...11, outputs: 1...4)
  static let needsTypes = true
  let heads: Int
  let scale: Float
  let filter: Float
  let isShared: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    heads = try node.headCount("num_heads")
    scale = try node.float("scale", default: 0)
    filter = try node.float("mask_filter_value", default: -10000)
    isShared = try node.flag("past_present_share_buffer")
    _ = try node.flag("output_qk")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard !function.has(9) else {
      throw .input(9, "is not supported: reorder past keys and values before the node")
    }
    guard function.has(1), function.has(2) else {
      throw .input(function.has(1) ? 2 : 1, "is missing: a packed query is not supported")
    }
    guard function.shape(0)?.rank == 3 else { throw .input(0, "expected rank 3") }
    let isCross = function.shape(1)?.rank == 4
    guard isCross || function.shape(1)?.rank == 3,
      function.shape(2)?.rank == function.shape(1)?.rank
    else { throw .input(1, "expected key and value of rank 3, or of rank 4") }
    var inputs = (0...2).map { function.input($0) }
    if function.has(10) {
      let width =
        function.shape(0)?[2].size.map { function.builder.integers([$0]) }
        ?? function.size(of: inputs[0], axis: 2)
      let twice = function.node("Add", [width, width])
      let bounds = [
        function.builder.integers([0]), width, twice, function.builder.integers([Int(Int32.max)]),
      ]
      for index in 0..<(isCross ? 1 : 3) {
        let part = function.slice(
          function.input(10), axis: 0, from: bounds[index], to: bounds[index + 1])
        inputs[index] = function.node("Add", [inputs[index], part])
      }
    }
    let batch = function.size(of: inputs[0], axis: 0)
    let queries = function.size(of: inputs[0], axis: 1)
    inputs[0] = function.heads(inputs[0], heads)
    if !isCross { for index in 1...2 { inputs[index] = function.heads(inputs[index], heads) } }
    var present: [String]?
    var states = ["", ""]
    var keys = function.size(of: inputs[1], axis: 2)
    if !isCross && isShared {
      guard function.has(5), function.has(6), function.has(7) else {
        throw .attribute(
          "past_present_share_buffer", "needs past key, past value and past_sequence_length")
      }
      let past = function.reshape(
        function.node("Cast", [function.input(7)], [.int("to", Int(ElementType.int64.rawValue))]),
        [1])
      keys = function.node("Add", [past, queries])
      let starts = function.node("Expand", [past, batch])
      let buffers = (1...2).map { index in
        function.node(
          "TensorScatter", [function.input(index + 4), inputs[index], starts], version: 24)
      }
      present = buffers
      let first = function.builder.integers([0])
      for index in 1...2 {
        inputs[index] = function.slice(buffers[index - 1], axis: 2, from: first, to: keys)
      }
    } else if !isCross && function.has(5) {
      states = [function.input(5), function.input(6)]
      keys = function.node("Add", [function.size(of: function.input(5), axis: 2), keys])
    }
    var mask = try KeyMask(
      input: 3, type: function.elementType(0) ?? .float32, filter: filter, isCausal: false,
      batch: batch, queries: queries, keys: keys, past: nil
    ).build(&function)
    if function.has(4) {
      let bias = function.input(4)
      mask = mask.map { function.node("Add", [bias, $0]) } ?? bias
    }
    var attributes: [Attribute] = [.int("qk_matmul_output_mode", 2)]
    if scale != 0 { attributes.append(.float("scale", scale)) }
    let results = function.builder.nodes(
      "Attention", inputs + [mask ?? "", states[0], states[1]], attributes,
      outputs: ["result", "present_key", "present_value", "scores"], operatorSet: 24)
    function.set(0, function.packed(results[0]))
    function.set(1, present?[0] ?? results[1])
    function.set(2, present?[1] ?? results[2])
    function.set(3, results[3])
  }
}
