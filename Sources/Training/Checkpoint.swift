import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// The state of a training run as one ONNX file: the model with its current parameters and, in its
/// training info, the update algorithm as a graph of standard nodes. The optimiser's state is among
/// that graph's initializers.
///
/// The inputs of the algorithm are the learning rate and the gradient of each parameter. Its update
/// bindings map each initializer to the output that replaces it.
public struct Checkpoint: Sendable {
  /// The model, including training info and metadata.
  public var model: Model
  /// The position and the history of the training run.
  public var progress: TrainingProgress

  private static let configurationKey = "training.configuration"
  private static let batchCountKey = "training.batches"
  private static let shardCountKey = "training.shards"
  private static let bestPrefix = "best/"

  /// Creates a checkpoint of a trainer.
  /// - Parameters:
  ///   - configuration: A description of everything that must not change before a resume.
  ///   - best: The parameters of the best epoch, by name.
  /// - Throws: `ModelError`
  public init(
    _ trainer: Trainer, _ progress: TrainingProgress, configuration: String,
    best: [String: Tensor] = [:]
  ) throws(ModelError) {
    try self.init(
      trainer, progress, configuration: configuration, best: best, states: trainer.step.localStates)
  }

  /// - Parameter states: The states of a recurrent model for each shard of a batch.
  init(
    _ trainer: Trainer, _ progress: TrainingProgress, configuration: String,
    best: [String: Tensor], states: [String: Tensor]
  ) throws(ModelError) {
    var model = try trainer.model
    var gradients: [String: String] = [:]
    for name in trainer.parameters { gradients[name] = "\(name)/d" }
    let parameters = trainer.parameters.compactMap { name in
      trainer.state[name].map { (name: name, type: $0.type) }
    }
    var update = UpdateGraph(
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
    let kept = trainer.state.tensors.merging(states) { $1 }
    for (name, tensor) in kept.sorted(by: { $0.key < $1.key }) where !names.contains(name) {
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
    if let shards = trainer.options.shards {
      model.metadata.append(MetadataEntry(key: Self.shardCountKey, value: "\(shards)"))
    }
    self.model = model
    self.progress = progress
  }

  /// Reads a checkpoint.
  /// - Throws: `TrainingError.file` if the file is not a model, `TrainingError.checkpoint` if the model
  ///   is not a checkpoint.
  public init(contentsOf path: String) throws(TrainingError) {
    let model: Model
    do throws(FormatError) { model = try Model(contentsOf: path) } catch { throw .file(error) }
    try self.init(model)
  }

  /// A checkpoint that a model holds, such as one read from bytes.
  /// - Throws: `TrainingError.checkpoint` if the model is not a checkpoint.
  public init(_ model: Model) throws(TrainingError) {
    progress = try TrainingProgress(model)
    guard model.trainingInfos.first?.algorithm != nil else {
      throw .checkpoint("the model has no training info")
    }
    self.model = model
  }

  /// The configuration that the checkpoint was created with.
  public var configuration: String? { model.metadataValue(Self.configurationKey) }

  /// Writes the file under a temporary name and renames it, so that a complete checkpoint exists at any
  /// time.
  /// - Throws: `FormatError`
  public func write(to path: String) throws(FormatError) { try model.write(to: path) }

  /// Restores the parameters and states of a trainer.
  /// - Returns: The parameters of the best epoch.
  /// - Throws: `TrainingError.checkpoint` if a tensor is missing or has another type.
  @discardableResult
  public func restore(_ trainer: Trainer) throws(TrainingError) -> [String: Tensor] {
    guard let count = model.metadataValue(Self.batchCountKey).flatMap({ Int($0) }),
      TrainingProgress.counts.contains(count)
    else { throw .checkpoint("metadata '\(Self.batchCountKey)' is not a count") }
    let shards = model.metadataValue(Self.shardCountKey)
    guard shards == trainer.options.shards.map(String.init) else {
      func text(_ count: String?) -> String { count.map { "\($0) shards" } ?? "no shards" }
      throw .checkpoint(
        "its batches have \(text(shards)), now they have "
          + text(trainer.options.shards.map(String.init)))
    }
    var tensors: [String: Tensor] = [:]
    let states = model.trainingInfos.first?.algorithm?.initializers ?? []
    for initializer in states + model.graph.initializers {
      if let name = initializer.name { tensors[name] = initializer.tensor }
    }
    let kept = trainer.state.tensors
    for (name, old) in kept {
      guard let tensor = tensors[name] else {
        throw .checkpoint("it has no '\(name)'; it belongs to another model or optimiser")
      }
      guard tensor.type == old.type else {
        throw .checkpoint(
          "'\(name)': expected \(old.type), got \(tensor.type); it belongs to another model")
      }
    }
    for name in kept.keys { trainer.state[name] = tensors[name] }
    trainer.step.setStates(tensors)
    trainer.batchCount = count
    var best: [String: Tensor] = [:]
    for (name, tensor) in tensors where name.hasPrefix(Self.bestPrefix) {
      best[String(name.dropFirst(Self.bestPrefix.count))] = tensor
    }
    return best
  }
}
