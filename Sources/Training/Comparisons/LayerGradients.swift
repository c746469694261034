import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter

/// The norm of the gradient of a model's loss with respect to each of its weight matrices and kernels.
/// - Returns: The norms in the order of the model's initializers.
/// - Throws: `TrainingError` if the model cannot be trained with these options or does not accept the
///   batch.
package func layerGradientNorms(
  _ model: Model, _ options: TrainingOptions, _ batch: Batch
) throws(TrainingError) -> [(name: String, norm: Double)] {
  let step = try StepModel(model, options, isTraining: true)
  let names = step.parameters.filter { (step.initial[$0]?.shape.count ?? 0) > 1 }
  let inputs = step.initial.merging(batch.tensors) { $1 }
  let results = try TrainingError.wrapping { () throws(ModelError) in
    var differentiation = try Differentiation(step.model, options: options.session)
    let gradients = try differentiation.gradients(of: step.values.loss, by: names)
    var differentiated = step.model
    differentiated.graph = differentiation.graph
    differentiated.graph.outputs = gradients.values.map { ValueInfo($0, nil) }
    let values = try Session(differentiated, options: options.session).run(inputs)
    return gradients.compactMapValues { values[$0] }
  }
  return names.compactMap { name in
    guard let gradient = results[name], let numbers = try? gradient.array(as: Float.self) else {
      return nil
    }
    return (name, numbers.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot())
  }
}
