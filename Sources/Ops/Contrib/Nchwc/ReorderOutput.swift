import ONNXFormat
import ONNXOperators

/// The first `channels` channels of an image. With `channels_last` the output is `[N, H, W, C]`.
struct ReorderOutput: FunctionOperator {
  static let schema = Schema(
    "ReorderOutput", domain: NchwcBlock.domain, [1: .float32], inputs: 1...1)
  private let channels: Int
  private let isChannelsLast: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    channels = try node.int("channels", default: 0)
    guard channels > 0 else {
      throw .attribute("channels", "expected the number of channels, got \(channels)")
    }
    isChannelsLast = try node.flag("channels_last")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var y = function.builder.privateNode(
      "FittedChannels", [function.input(0)], [.int("channels", channels)])
    if isChannelsLast { y = function.builder.transpose(y, [0, 2, 3, 1]) }
    function.set(0, y)
  }
}
