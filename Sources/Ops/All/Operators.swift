import ONNXAttention
import ONNXContrib
import ONNXMath
import ONNXNetwork
import ONNXOperators
import ONNXOther
import ONNXProducts
import ONNXRecurrent
import ONNXShape

/// Makes the list of this package's operators: the standard's, those of onnxruntime, and those of the private domain that its
/// own passes and gradients use. `Registry.standard` calls it once.
@_cdecl("onnx_standard_operators")
package func standardOperators() -> UnsafeMutableRawPointer {
  let registry = Registry(
    MathOperators.forward + ProductsOperators.forward + ShapeOperators.forward
      + NetworkOperators.forward + RecurrentOperators.forward + AttentionOperators.forward
      + OtherOperators.forward + ContribOperators.forward,
    gradients: MathOperators.gradients + ProductsOperators.gradients + ShapeOperators.gradients
      + NetworkOperators.gradients + RecurrentOperators.gradients + AttentionOperators.gradients
      + OtherOperators.gradients)
  return RegistryBox(registry).retained
}
