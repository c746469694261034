import ONNXFormat
import ONNXOperators

/// `activation(Gemm(A, B, C))`, the activation being any elementwise operator with at most the
/// parameters alpha, beta and gamma.
struct FusedGemm: FunctionOperator {
  static let schema = Schema(
    "FusedGemm", domain: ContribOperators.domain,
    [1: [.floats, .int32, .int64, .uint32, .uint64]], inputs: 2...3)
  private let product: [Attribute]
  private let activation: String
  private let parameters: [Attribute]

  /// The parameters of each activation.
  private static let names: [String: [String]] = [
    "Celu": ["alpha"], "Elu": ["alpha"], "HardSigmoid": ["alpha", "beta"],
    "LeakyRelu": ["alpha"], "Relu": [], "Selu": ["alpha", "gamma"], "Sigmoid": [],
    "Softplus": [], "Softsign": [], "Tanh": [], "ThresholdedRelu": ["alpha"],
  ]

  init(_ node: inout NodeReader) throws(OperatorError) {
    activation = try node.string("activation", default: "")
    var values: [String: Float] = [:]
    for name in ["alpha", "beta", "gamma"] {
      values[name] = try node.optionalFloat("activation_\(name)")
    }
    guard let names = Self.names[activation] ?? (activation.isEmpty ? [] : nil) else {
      let known = Self.names.keys.sorted().joined(separator: ", ")
      throw .attribute("activation", "expected one of \(known), got '\(activation)'")
    }
    parameters = names.compactMap { name in values[name].map { .float(name, $0) } }
    product = node.attributes(prefix: "").filter { !$0.name.hasPrefix("activation") }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var y = function.node("Gemm", (0...2).map { function.input($0) }, product)
    if !activation.isEmpty { y = function.node(activation, [y], parameters) }
    function.set(0, y)
  }
}
