import ONNXFormat
import ONNXOperators

/// An image with its channels padded with zeros to whole blocks. With `channels_last` the input is
/// `[N, H, W, C]`.
struct ReorderInput: FunctionOperator {
  static let schema = Schema(
    "ReorderInput", domain: NchwcBlock.domain, [1: .float32], inputs: 1...1)
  private let block: Int
  private let isChannelsLast: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    block = try NchwcBlock.read(&node)
    isChannelsLast = try node.flag("channels_last")
  }

  static func settings(in graph: Graph) -> [Attribute] { NchwcBlock.settings(in: graph) }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var x = function.input(0)
    if isChannelsLast { x = function.builder.transpose(x, [0, 3, 1, 2]) }
    function.set(
      0, function.builder.privateNode("FittedChannels", [x], [.int("multiple", block)]))
  }
}
