import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// The probability of each tag of each word given the sentence, `[N, T, tags]`. With a linear chain, it
/// is the derivative of `ln Z` by the emission, and otherwise the softmax of the emissions.
package func tagProbabilities(
  _ model: Model, _ inputs: [String: Tensor]
) throws(ModelError) -> Tensor? {
  var model = model
  var builder = GraphBuilder(taken: model.graph.allNames)
  let result: String
  if model.graph.initializers.contains(where: { $0.name == Tagger.chain.transitions }) {
    let none = builder.constant(Tensor(-1 as Int64))
    let isInside = builder.node("Not", [builder.node("Equal", [Tagger.chain.decoded, none])])
    let partition = ChainScores("emissions", .float32, Tagger.chain)
      .logPartition(isInside, &builder)
    model.graph.nodes += builder.nodes
    model.graph.initializers += builder.initializers
    var differentiation = try Differentiation(model)
    let gradients = try differentiation.gradients(of: partition, by: ["emissions"])
    model.graph = differentiation.graph
    guard let gradient = gradients["emissions"] else { return nil }
    result = gradient
  } else {
    result = builder.node("Softmax", ["emissions"], [.int("axis", 2)])
    model.graph.nodes += builder.nodes
  }
  model.graph.outputs = [ValueInfo(result, nil)]
  return try Session(model).run(inputs)[result]
}
