import ONNXAttention
import ONNXMath
import ONNXNetwork
import ONNXOperators
import ONNXOther
import ONNXProducts
import ONNXRecurrent
import ONNXShape

extension Registry {
  /// All operators of this package: those of the standard, and those of the private domain that passes
  /// and gradients use.
  public static let standard = Registry(
    MathOperators.forward + ProductsOperators.forward + ShapeOperators.forward
      + NetworkOperators.forward + RecurrentOperators.forward + AttentionOperators.forward
      + OtherOperators.forward,
    gradients: MathOperators.gradients + ProductsOperators.gradients + ShapeOperators.gradients
      + NetworkOperators.gradients + RecurrentOperators.gradients + AttentionOperators.gradients
      + OtherOperators.gradients)
}
