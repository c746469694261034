import ONNXFormat
import ONNXOperators

/// The loss `−weight[label] · x[label]` of each position, their sum, or their weighted mean, where
/// `x` holds log-probabilities.
struct NegativeLogLikelihoodLoss: RealOperator, DifferentiableOperator {
  static let schema = Schema(
    "NegativeLogLikelihoodLoss",
    [12: .floats, 13: .floats, 22: [.floats, .bfloat16]], inputs: 2...3)
  private let options: LossOptions

  init(_ node: inout NodeReader) throws(OperatorError) { options = try LossOptions(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [try options.infer(inputs)]
  }

  func visit<T: RealElement>(
    _ type: T.Type, _ call: Preparation
  ) throws(OperatorError) -> Kernel {
    let split = AxisSplit(try call.inputSizes(0), axis: 1)
    let labels = try call.elementType(1)
    let hasWeights = call.inputs.has(2)
    return .compute { buffers throws(OperatorError) in
      try options.write(
        buffers, as: T.self, logarithms: buffers.input(0, as: T.self), split, labels: labels,
        hasWeights: hasWeights)
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try differentiateLoss(
      NegativeLogLikelihoodLossGrad.schema.name, logarithms: backward.input(0), &backward)
  }
}

/// The gradient of `NegativeLogLikelihoodLoss` with respect to `x`.
///
/// Inputs: the gradient of the output, then the inputs of the loss.
struct NegativeLogLikelihoodLossGrad: LossGradient {
  static let schema = Schema(
    "NegativeLogLikelihoodLossGrad", gradientOf: NegativeLogLikelihoodLoss.schema, inputs: 3...4,
    outputs: 1...1)
  static var isOfSoftmax: Bool { false }
  let options: LossOptions

  init(_ node: inout NodeReader) throws(OperatorError) { options = try LossOptions(&node) }
}

extension NegativeLogLikelihoodLoss {
  static var versionSteps: [VersionStep] {
    [
      .introduced(12) { change throws(OperatorError) in
        try change.expandLoss(logarithms: try change.input(0))
      }
    ]
  }
}
