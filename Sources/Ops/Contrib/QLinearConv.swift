import ONNXFormat
import ONNXOperators

/// `QLinearConv` of the standard, with the channels of the images first or last. The weights are
/// `[M, C / group, …]` in both cases.
struct ContribQLinearConv: FunctionOperator {
  static let schema = Schema(
    "QLinearConv", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 8...9)
  let window: [Attribute]
  private let layout: ChannelLayout

  init(_ node: inout NodeReader) throws(OperatorError) {
    var window: [Attribute] = []
    var spatialAxes: Int?
    for name in ["kernel_shape", "strides", "dilations", "pads"] {
      guard let numbers = try node.optionalInts(name) else { continue }
      window.append(.ints(name, numbers))
      spatialAxes = spatialAxes ?? (name == "pads" ? numbers.count / 2 : numbers.count)
    }
    window.append(.int("group", try node.int("group", default: 1)))
    if let padding = try node.optionalString("auto_pad") {
      window.append(.string("auto_pad", padding))
    }
    self.window = window
    // Without any of these attributes the images are taken to have two axes.
    layout = try ChannelLayout(&node, spatialAxes: spatialAxes ?? 2)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = layout.channelsFirst(function.input(0), &function)
    let inputs = [x] + (1...8).map { function.input($0) }
    function.set(0, layout.restored(function.node("QLinearConv", inputs, window), &function))
  }
}
