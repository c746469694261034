import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOps

/// A training in the middle as one ONNX file: the model as it is now, and in its training info the
/// update algorithm in plain nodes with the optimiser's state among its initializers.
///
/// The algorithm's inputs are the learning rate and the gradient of each parameter; its update
/// bindings say which output replaces which initializer.
public struct Checkpoint: Sendable {
  public var model: Model
  public var progress: TrainingProgress

  private static let configurationKey = "training.configuration"
  private static let batchCountKey = "training.batches"
  private static let bestPrefix = "best/"

  /// - Parameters:
  ///   - configuration: everything that has to be the same for a resume to make sense
  ///   - best: parameters to keep besides, by name
  public init(
    _ trainer: Trainer, _ progress: TrainingProgress, configuration: String,
    best: [String: Tensor] = [:]
  ) throws {
    var model = try trainer.model
    var gradients: [String: String] = [:]
    for name in trainer.parameters { gradients[name] = "\(name)/d" }
    let parameters = trainer.parameters.compactMap { name in
      trainer.state[name].map { (name: name, type: $0.type) }
    }
    var update = Update(
      trainer.options, taken: model.graph.allNames.union(gradients.values), gradients: gradients,
      parameters: parameters)
    update.apply()

    var algorithm = Graph(name: "update")
    algorithm.nodes = update.builder.nodes
    for index in algorithm.nodes.indices { algorithm.nodes[index].operatorSetVersion = nil }
    algorithm.inputs = [ValueInfo(StepModel.rate, .tensor(.float64, []))]
    algorithm.inputs += parameters.map { ValueInfo("\($0.name)/d", .tensor($0.type)) }
    algorithm.outputs = update.carried.values.sorted().map { ValueInfo($0, nil) }
    algorithm.initializers = update.builder.initializers
    let names = Set(model.graph.initializers.compactMap(\.name))
    for (name, tensor) in trainer.state.tensors.sorted(by: { $0.key < $1.key })
    where !names.contains(name) {
      algorithm.initializers.append(NamedTensor(name, tensor))
    }
    for (name, tensor) in best.sorted(by: { $0.key < $1.key }) {
      algorithm.initializers.append(NamedTensor(Self.bestPrefix + name, tensor))
    }
    var info = TrainingInfo()
    info.algorithm = algorithm
    info.updateBindings = update.carried.sorted { $0.key < $1.key }.map {
      MetadataEntry(key: $0.key, value: $0.value)
    }
    model.trainingInfos = [info]
    model.metadata.removeAll { $0.key.hasPrefix("training.") }
    model.metadata += progress.metadata
    model.metadata += [
      MetadataEntry(key: Self.configurationKey, value: configuration),
      MetadataEntry(key: Self.batchCountKey, value: "\(trainer.batchCount)"),
    ]
    self.model = model
    self.progress = progress
  }

  /// - Throws: `FormatError` for a file that is no model, `TrainingError.checkpoint` for one that is
  ///   no checkpoint.
  public init(contentsOf path: String) throws {
    model = try Model(contentsOf: path)
    progress = try TrainingProgress(model)
    guard model.trainingInfos.first?.algorithm != nil else {
      throw TrainingError.checkpoint("it has no training info")
    }
  }

  /// What the training that wrote it was called.
  public var configuration: String? { model.metadataValue(Self.configurationKey) }

  /// Writes the file beside the old one first, so that there is a whole one at every moment.
  public func write(to path: String) throws { try model.write(to: path) }

  /// Puts the trainer where the one was that wrote the checkpoint.
  /// - Returns: the parameters that were kept as the best so far
  /// - Throws: `TrainingError.checkpoint` where a tensor is missing or has another type.
  @discardableResult
  public func restore(_ trainer: Trainer) throws -> [String: Tensor] {
    guard let count = model.metadataValue(Self.batchCountKey).flatMap({ Int($0) }), count >= 0
    else { throw TrainingError.checkpoint("the number of its batches is damaged") }
    var tensors: [String: Tensor] = [:]
    let states = model.trainingInfos.first?.algorithm?.initializers ?? []
    for initializer in states + model.graph.initializers {
      if let name = initializer.name { tensors[name] = initializer.tensor }
    }
    let kept = trainer.state.tensors
    for (name, old) in kept {
      guard let tensor = tensors[name] else {
        throw TrainingError.checkpoint("'\(name)' is missing; it belongs to another model")
      }
      guard tensor.type == old.type else {
        throw TrainingError.checkpoint(
          "'\(name)': expected \(old.type), got \(tensor.type); it belongs to another model")
      }
    }
    for name in kept.keys { trainer.state[name] = tensors[name] }
    for name in trainer.options.states.keys { trainer.state[name] = tensors[name] }
    trainer.batchCount = count
    var best: [String: Tensor] = [:]
    for (name, tensor) in tensors where name.hasPrefix(Self.bestPrefix) {
      best[String(name.dropFirst(Self.bestPrefix.count))] = tensor
    }
    return best
  }
}
