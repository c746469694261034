import ONNXFormat
import ONNXOperators

/// The position of the channels of an image: axis 1, as in the standard's operators, or the last axis,
/// if the attribute `channels_last` is 1.
struct ChannelLayout: Sendable {
  let isLast: Bool
  private let spatialAxes: Int

  /// Reads the attribute.
  /// - Parameter spatialAxes: the number of axes of the image besides batch and channels
  init(_ node: inout NodeReader, spatialAxes: Int) throws(OperatorError) {
    isLast = try node.flag("channels_last")
    guard 0...64 ~= spatialAxes else {
      throw .attribute("kernel_shape", "expected at most 64 axes, got \(spatialAxes)")
    }
    self.spatialAxes = spatialAxes
  }

  /// A tensor of this layout with its channels in axis 1.
  func channelsFirst(_ x: String, _ function: inout FunctionBuilder) -> String {
    guard isLast else { return x }
    return function.builder.transpose(x, [0, spatialAxes + 1] + (0..<spatialAxes).map { $0 + 1 })
  }

  /// A tensor with its channels in axis 1 in this layout.
  func restored(_ y: String, _ function: inout FunctionBuilder) -> String {
    guard isLast else { return y }
    return function.builder.transpose(y, [0] + (0..<spatialAxes).map { $0 + 2 } + [1])
  }
}
