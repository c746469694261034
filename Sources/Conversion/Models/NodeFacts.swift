import ONNX
import ONNXOperators

extension Node {
  /// The operator of the newest operator set that the node names. It states the facts that hold for
  /// every version of the operator. `nil` for calls of functions and unknown operators.
  var facts: (any Operator.Type)? {
    Registry.standard.find(
      operatorType, domain: Registry.normalized(domain: domain), operatorSet: Int.max)?.operator
  }

  /// The layout of the node's weight, where it is a linear map or scales channels.
  var linearWeight: LinearWeight? { facts?.linearWeight(self) }

  /// Whether the node normalizes by means and variances that it is given.
  var isNormalization: Bool { facts?.parameters.contains { $0.role == .mean } == true }
}

extension LinearWeight {
  /// Whether the weight is a matrix.
  var isMatrix: Bool { sumAxis != nil }

  /// Whether the weight is a kernel whose first axis counts the inputs.
  var isTransposedKernel: Bool { !isMatrix && outputAxis == 1 }

  /// Whether the weight is a matrix `[outputs, inputs]`, as PyTorch's linear layers have it.
  var hasOutputRows: Bool { isMatrix && outputAxis == 0 }
}

extension Model {
  /// The initializers that a run cannot replace: since version 4 of the file format an initializer
  /// that is an input too is only a default.
  var fixedInitializers: [String: Tensor] {
    let replaceable = Set(irVersion ?? 0 >= 4 ? graph.inputs.map(\.name) : [])
    var constants: [String: Tensor] = [:]
    for initializer in graph.initializers {
      if let name = initializer.name, !replaceable.contains(name) {
        constants[name] = initializer.tensor
      }
    }
    return constants
  }
}
