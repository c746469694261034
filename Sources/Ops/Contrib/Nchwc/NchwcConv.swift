import ONNXFormat
import ONNXOperators

/// `activation(Conv(X, W, B) + Sum)` of images with padded channels, where the weights are stored in
/// blocks of channels.
struct NchwcConv: FunctionOperator {
  static let schema = Schema("Conv", domain: NchwcBlock.domain, [1: .float32], inputs: 2...4)
  private let block: Int
  private let groups: Int
  private let activation: FusedActivation
  private let convolution: [Attribute]

  init(_ node: inout NodeReader) throws(OperatorError) {
    block = try NchwcBlock.read(&node)
    groups = try node.int("group", default: 1)
    guard groups > 0 else { throw .attribute("group", "expected a positive number, got \(groups)") }
    activation = try FusedActivation(&node)
    convolution = node.attributes(prefix: "").filter {
      $0.name != "block" && !$0.name.hasPrefix("activation")
    }
  }

  static func settings(in graph: Graph) -> [Attribute] { NchwcBlock.settings(in: graph) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard try inputs.tensor(1).shape?.sizes != nil else { return [.tensor(.float32, nil)] }
    return try inferBody(inputs)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard let sizes = function.shape(1)?.sizes, sizes.count == 4 else {
      throw .input(1, "the weights must be an initializer of rank 4")
    }
    let form = NchwcWeights(sizes, groups: groups)
    guard form.fits(block) else {
      throw .input(1, "shape \(sizes) is not in blocks of \(block) channels")
    }
    let weights = form.ordered(function.input(1), block: block, &function.builder)
    var y = function.node("Conv", [function.input(0), weights, function.input(2)], convolution)
    if function.has(3) { y = function.node("Add", [y, function.input(3)]) }
    function.set(0, activation.apply(y, &function))
  }
}
