import ONNXFormat
import ONNXOperators
import ONNXOps

/// Says by which nodes a parameter follows its gradient.
///
/// The formulas are those of `torch.optim`, which calls them by the same names.
public protocol Optimizer: Sendable {
  /// What is kept for each parameter from step to step, zero at first, of the parameter's shape.
  var stateNames: [String] { get }

  /// Adds the nodes of one step of one parameter.
  /// - Returns: the new parameter, and the new values of `stateNames` in their order.
  func update(
    _ step: ParameterStep, _ builder: inout GraphBuilder
  ) -> (parameter: String, states: [String])
}

/// What the nodes of a parameter's update work on, by name.
public struct ParameterStep: Sendable {
  public let parameter: String
  public let gradient: String
  /// Values of `Optimizer.stateNames`.
  public let states: [String]
  /// The learning rate, a scalar of the parameter's type.
  public let rate: String
  /// The number of this step, from 1, a scalar of float64.
  public let time: String
  /// The parameter's element type.
  public let type: ElementType

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

  /// The gradient with that of `½ · decay · ‖parameter‖²` added.
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
