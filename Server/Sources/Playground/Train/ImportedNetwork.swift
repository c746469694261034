import Foundation
import ONNX
import ONNXConversion
import Serving

/// A network of ConvNetJS, whose layers the page does not edit.
enum ImportedNetwork {
  /// Reads a network from the JSON of ConvNetJS, with settings to train it further.
  /// - Returns: `nil` for other JSON
  /// - Throws: `ServingError`
  static func read(_ bytes: [UInt8]) throws(ServingError) -> (TrainDesign, Model)? {
    let json = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    guard let layers = json?["layers"] as? [[String: Any]],
      let last = layers.last?["layer_type"] as? String
    else { return nil }
    guard let scores = Network.Scores(rawValue: last), scores != .logits else {
      throw ServingError(
        .badRequest,
        "the network ends in a layer '\(last)'; training needs softmax, svm or regression")
    }
    let model: Model
    do { model = try Model(convNetJS: bytes) } catch { throw ServingError(.badRequest, "\(error)") }
    let shape = model.graph.inputs.first?.type?.tensorType?.shape?.dropFirst().compactMap(\.size)
    let kind: DataChoice.Kind
    switch shape ?? [] {
    case [2, 1, 1]: kind = .spirals
    case [1, 28, 28], [1, 24, 24]: kind = .digits
    case let shape:
      throw ServingError(
        .badRequest,
        "the network reads \(shape.map(String.init).joined(separator: " × ")) numbers; the page has "
          + "data for 2 × 1 × 1, 1 × 24 × 24 and 1 × 28 × 28")
    }
    let design = TrainDesign(
      data: DataChoice(kind: kind, noise: kind == .spirals ? 0.1 : 0), layers: [],
      optimizer: .momentum, rate: 0.01, batch: 20, imported: scores)
    return (design, model)
  }

  /// The kinds of layers by their operators.
  private static let kinds: [String: LayerDesign.Kind] = [
    "Conv": .convolution, "Gemm": .dense, "MaxPool": .maxPool, "Relu": .relu, "Tanh": .tanh,
    "Sigmoid": .sigmoid, "ReduceMax": .maxout, "LRN": .normalization, "Mul": .dropout,
  ]
  /// The operators beside those of layers.
  private static let others: Set = [
    "Softmax", "Flatten", "Reshape", "Transpose", "Slice", "Identity",
  ]

  /// The network of a model that `read` has made, perhaps trained since.
  /// - Throws: `ServingError` for another model, or one that is too large
  static func network(_ model: Model, _ design: TrainDesign) throws(ServingError) -> Network {
    guard let scores = design.imported, model.graph.inputs.count == 1,
      let input = model.graph.inputs.first, input.name == Network.input,
      let shape = input.type?.tensorType?.shape?.dropFirst().compactMap(\.size),
      [[2, 1, 1], [1, 28, 28], [1, 24, 24]].contains(shape),
      (shape[0] == 2) == design.data.kind.isCloud,
      model.graph.outputs.count == 1, let output = model.graph.outputs.first?.name
    else { throw ServingError(.badRequest, "the model is not a network of ConvNetJS") }
    if let other = model.graph.nodes.first(where: {
      kinds[$0.operatorType] == nil && !others.contains($0.operatorType)
    }) {
      throw ServingError(
        .badRequest, "the model is not a network of ConvNetJS: it has a node \(other.operatorType)")
    }
    let types: [String: ValueType]
    // Passes would leave out values between nodes.
    var options = Network.sessionOptions
    options.passes = []
    do {
      types = try Session(model, options: options)
        .types(shapes: [Network.input: [1] + shape])
    } catch { throw ServingError(error) }
    let classes = design.data.classes.count
    guard types[output]?.tensorType?.shape?.sizes == [1, classes] else {
      throw ServingError(
        .badRequest,
        "the network's output is \(types[output].map { "\($0)" } ?? "unknown"); the data has "
          + "\(classes) classes")
    }
    var (layers, facts) = ([Network.Layer](), [LayerFacts]())
    var budget = LayerBudget(batch: design.batch, input: shape)
    for node in model.graph.nodes {
      guard let value = node.outputs.first,
        let type = types[value]?.tensorType, type.elementType == .float32,
        let sizes = type.shape?.sizes,
        sizes.reduce(1, { $0 * Double($1) }) <= Double(LayerBudget.mostValues)
      else {
        throw ServingError(
          .badRequest,
          "node '\(node.outputs.first ?? "")' of the network has an output that is too large or not float32"
        )
      }
      let weights = model.graph.initializers.filter {
        node.inputs.contains($0.name ?? "") && $0.tensor.elementType == .float32
      }.map(\.tensor.count)
      let fact = LayerFacts(
        shape: Array(sizes.dropFirst()),
        parameters: node.operatorType == "Mul" ? 0 : weights.reduce(0, +),
        products: (weights.first ?? 0) * sizes.dropFirst(2).reduce(1, *))
      do { try budget.add(fact) } catch { throw ServingError(.badRequest, error.text) }
      if let kind = kinds[node.operatorType] {
        layers.append(Network.Layer(kind: kind.rawValue, value: value))
        facts.append(fact)
      }
    }
    return Network(
      model: model, shape: shape, output: output, scores: scores, layers: layers, facts: facts)
  }
}
