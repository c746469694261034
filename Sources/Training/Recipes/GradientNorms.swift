import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter

/// The norm of the gradient of a model's first output with respect to each step of its input, the mean
/// over sequences.
/// - Parameters:
///   - sequences: The input, float32 `[N, T, features]`.
///   - input: The name of the input.
/// - Returns: The norms by the distance from the last step, without those that are 0.
package func gradientNorms(
  _ model: Model, _ sequences: Tensor, input: String
) throws(ModelError) -> [(distance: Int, norm: Double)] {
  var model = model
  guard let answer = model.graph.outputs.first?.name else { return [] }
  var differentiation = try Differentiation(model)
  let gradients = try differentiation.gradients(of: answer, by: [input])
  guard let name = gradients[input] else { return [] }
  model.graph = differentiation.graph
  model.graph.outputs = [ValueInfo(name, nil)]
  guard let result = try Session(model).run([input: sequences])[name],
    let numbers = try? result.array(as: Float.self)
  else { return [] }
  let (rows, steps, features) = (result.shape[0], result.shape[1], result.shape[2])
  var norms: [(distance: Int, norm: Double)] = []
  for step in 0..<steps {
    var sum = 0.0
    for row in 0..<rows {
      let first = (row * steps + step) * features
      let squares = numbers[first..<first + features].map { Double($0) * Double($0) }
      sum += squares.reduce(0, +).squareRoot()
    }
    if sum > 0 { norms.append((steps - 1 - step, sum / Double(rows))) }
  }
  return norms.reversed()
}
