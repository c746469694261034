import ONNXFormat
import ONNXOperators

/// The activation in the attributes `activation` and `activation_params` of a convolution.
struct FusedActivation: Sendable {
  private let name: String
  private let parameters: [Float]

  /// The numbers of parameters, by operator.
  private static let counts = [
    "": 0, "Relu": 0, "Silu": 0, "Tanh": 0, "Sigmoid": 0, "LeakyRelu": 1, "Clip": 2,
    "HardSigmoid": 2, "HardSwish": 0,
  ]

  /// - Throws: `OperatorError.attribute` for another function or number of parameters
  init(_ node: inout NodeReader) throws(OperatorError) {
    name = try node.string("activation", default: "")
    parameters = try node.optionalFloats("activation_params") ?? []
    guard let count = Self.counts[name] else {
      let known = Self.counts.keys.filter { !$0.isEmpty }.sorted().joined(separator: ", ")
      throw .attribute("activation", "expected one of \(known), got '\(name)'")
    }
    guard name.isEmpty || parameters.count == count || count == 0 else {
      throw .attribute(
        "activation_params", "expected \(count) for \(name), got \(parameters.count)")
    }
  }

  /// Adds the node of the function, if there is one.
  func apply(_ x: String, _ function: inout FunctionBuilder) -> String {
    switch name {
    case "": x
    case "Silu": function.node("Swish", [x], version: 24)
    case "LeakyRelu": function.node("LeakyRelu", [x], [.float("alpha", parameters[0])])
    case "Clip":
      // The bounds are attributes up to version 10, so that they are constant for every type of x.
      function.node(
        "Clip", [x], [.float("min", parameters[0]), .float("max", parameters[1])], version: 6)
    case "HardSigmoid":
      function.node(
        "HardSigmoid", [x], [.float("alpha", parameters[0]), .float("beta", parameters[1])])
    default: function.node(name, [x])
    }
  }
}
