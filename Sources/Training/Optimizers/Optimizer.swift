import ONNXFormat
import ONNXOperators

/// An optimiser: a formula for a parameter's new value, as nodes of a graph.
///
/// The optimisers of this module compute the same formulas as those of `torch.optim` with the same
/// names.
public protocol Optimizer: Sendable {
  /// The names of the states that the optimiser keeps for each parameter from step to step. A state
  /// has the parameter's shape and element type and is initially zero.
  var stateNames: [String] { get }

  /// Adds the nodes of one step of one parameter.
  /// - Returns: The names of the new parameter and of the new states, in the order of `stateNames`.
  func update(
    _ step: ParameterStep, _ builder: inout GraphBuilder
  ) -> (parameter: String, states: [String])
}

/// The names of the values that a parameter's update takes.
public struct ParameterStep: Sendable {
  /// The parameter.
  public let parameter: String
  /// The gradient of the loss with respect to the parameter.
  public let gradient: String
  /// The states, in the order of `Optimizer.stateNames`.
  public let states: [String]
  /// The learning rate, a scalar of the parameter's element type.
  public let rate: String
  /// The number of the step, from 1, a float64 scalar.
  public let time: String
  /// The parameter's element type.
  public let type: ElementType

  /// Creates the names of a step.
  public init(
    parameter: String, gradient: String, states: [String], rate: String, time: String,
    type: ElementType
  ) {
    self.parameter = parameter
    self.gradient = gradient
    self.states = states
    self.rate = rate
    self.time = time
    self.type = type
  }

  /// The gradient plus that of the penalty `½ · decay · ‖parameter‖²`.
  func decayedGradient(_ decay: Double, _ builder: inout GraphBuilder) -> String {
    guard decay != 0 else { return gradient }
    return builder.add(gradient, builder.mul(parameter, builder.scalar(decay, type)))
  }

  /// `decay · average + (1 − decay) · value`
  func average(
    _ average: String, _ value: String, decay: Double, _ builder: inout GraphBuilder
  ) -> String {
    builder.add(
      builder.mul(average, builder.scalar(decay, type)),
      builder.mul(value, builder.scalar(1 - decay, type)))
  }

  /// `1 − decayᵗⁱᵐᵉ`, computed in float64.
  func biasCorrection(_ decay: Double, _ builder: inout GraphBuilder) -> String {
    builder.sub(
      builder.scalar(1, .float64),
      builder.node("Pow", [builder.scalar(decay, .float64), time]))
  }
}
