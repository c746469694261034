import ONNX

/// Runs a network with the parameters of the moment. They are inputs of its sessions, so that nothing
/// has to be prepared again when they change.
struct Probe: Sendable {
  private let scores: Session
  private let all: Session
  private let parameters: Set<String>
  private let network: Network
  /// The most examples that are run at once.
  let most: Int

  /// - Throws: `ModelError`
  init(_ network: Network) throws(ModelError) {
    var model = network.model
    let (floats, others) = (
      model.graph.initializers.filter { $0.tensor.elementType == .float32 },
      model.graph.initializers.filter { $0.tensor.elementType != .float32 }
    )
    parameters = Set(floats.compactMap(\.name))
    let inputs = model.graph.inputs.filter { $0.name == Network.input }
    model.graph.initializers = others
    model.graph.inputs =
      inputs + floats.map { ValueInfo($0.name ?? "", .tensor($0.tensor.type)) }
    model.graph.outputs = [ValueInfo(network.output, nil)]
    scores = try Session(model, options: Network.sessionOptions)
    let names = Set(network.layers.flatMap { [$0.value, $0.shown ?? $0.value] })
      .union([network.output])
    model.graph.outputs = names.sorted().map { ValueInfo($0, nil) }
    all = try Session(model, options: Network.sessionOptions)
    let size = network.facts.reduce(0) { $0 + $1.shape.reduce(1, *) }
    most = max(1, min(256, 1_000_000 / max(size, 1)))
    self.network = network
  }

  /// The scores of examples, row by row.
  /// - Throws: `ModelError`
  func scores(
    of input: Tensor, _ model: Model
  ) throws(ModelError) -> [Float] {
    guard let output = try scores.run(inputs(input, model))[network.output] else { return [] }
    return Array(output.elements(as: Float.self))
  }

  /// The outputs of all layers for examples, by name, and the scores.
  /// - Throws: `ModelError`
  func values(
    of input: Tensor, _ model: Model
  ) throws(ModelError) -> [String: Tensor] {
    try all.run(inputs(input, model))
  }

  private func inputs(_ input: Tensor, _ model: Model) -> [String: Tensor] {
    var inputs = [Network.input: input]
    for initializer in model.graph.initializers {
      if let name = initializer.name, parameters.contains(name) {
        inputs[name] = initializer.tensor
      }
    }
    return inputs
  }
}
