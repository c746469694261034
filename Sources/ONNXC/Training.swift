import COnnxInterface
import ONNX
import ONNXImages

/// A trainer for C.
private final class TrainerHandle {
  let trainer: Trainer
  let description: CText

  init(_ trainer: Trainer) {
    self.trainer = trainer
    description = CText(
      jsonObject([
        ("inputs", jsonList(trainer.inputs.map(json))),
        ("parameters", jsonList(trainer.parameters.map(\.asJSON))),
      ]))
  }
}

/// Makes a trainer; see `onnxc.h`.
@c @implementation
public func onnx_make_trainer(
  _ model: UnsafeRawPointer?, _ size: Int, _ folder: UnsafePointer<CChar>?,
  _ words: UnsafePointer<CChar>?
) -> OpaquePointer? {
  reportingErrors(isLoading: true) {
    Image.registerDecoder()
    var words = try CallOptions(words)
    let options = try words.training()
    try words.finish()
    let model = try Model(
      serialized: bytes(model, size), externalFolder: folder.map { String(cString: $0) })
    return handle(TrainerHandle(try Trainer(model, options)))
  }
}

/// Frees a trainer; see `onnxc.h`.
@c @implementation
public func onnx_free_trainer(_ trainer: OpaquePointer?) { release(trainer) }

/// The inputs and parameters of a trainer as JSON; see `onnxc.h`.
@c @implementation
public func onnx_describe_trainer(_ trainer: OpaquePointer?) -> UnsafePointer<CChar>? {
  UnsafePointer((try? object(trainer, as: TrainerHandle.self))?.description.pointer)
}

/// Trains on a batch; see `onnxc.h`.
@c @implementation
public func onnx_train(
  _ trainer: OpaquePointer?, _ names: UnsafePointer<UnsafePointer<CChar>?>?,
  _ values: UnsafePointer<OpaquePointer?>?, _ count: Int, _ learningRate: Double,
  _ result: UnsafeMutablePointer<onnx_step>?
) -> Int32 {
  status {
    guard let result else { throw CallError.null }
    guard learningRate.isFinite, learningRate >= 0 else {
      throw CallError("expected a learning rate from 0, got \(learningRate)")
    }
    let trainer = try object(trainer, as: TrainerHandle.self).trainer
    let batch = try batch(trainer, names, values, count)
    result.pointee = onnx_step(try trainer.train(on: batch, rate: learningRate))
  }
}

/// Computes the loss of a batch; see `onnxc.h`.
@c @implementation
public func onnx_evaluate(
  _ trainer: OpaquePointer?, _ names: UnsafePointer<UnsafePointer<CChar>?>?,
  _ values: UnsafePointer<OpaquePointer?>?, _ count: Int,
  _ result: UnsafeMutablePointer<onnx_step>?
) -> Int32 {
  status {
    guard let result else { throw CallError.null }
    let trainer = try object(trainer, as: TrainerHandle.self).trainer
    let batch = try batch(trainer, names, values, count)
    result.pointee = onnx_step(try trainer.evaluate(on: batch, states: CarriedState()))
  }
}

/// A batch of tensors by name.
/// - Throws: `CallError` for a value that is not a tensor, `ModelError` for an unknown or missing name.
private func batch(
  _ trainer: Trainer, _ names: UnsafePointer<UnsafePointer<CChar>?>?,
  _ values: UnsafePointer<OpaquePointer?>?, _ count: Int
) throws -> Batch {
  let known = trainer.inputs.map(\.name)
  var tensors: [String: Tensor] = [:]
  for (name, value) in zip(try list(names, count), try list(values, count)) {
    let name = try text(name)
    guard known.contains(name) else {
      throw ModelError.unknownName(name, nearest: nearest(name, known))
    }
    tensors[name] = try object(value, as: ValueHandle.self).tensor()
  }
  for name in known where tensors[name] == nil { throw ModelError.missingInput(name) }
  let examples = trainer.inputs.first.flatMap { tensors[$0.name]?.shape.first } ?? 1
  return Batch(tensors, count: examples)
}

extension onnx_step {
  fileprivate init(_ result: StepResult) {
    self.init(
      loss: result.loss, accuracy: result.accuracy ?? -1, gradient_norm: result.gradientNorm)
  }
}

/// A session of the trained model; see `onnxc.h`.
@c @implementation
public func onnx_trained_session(_ trainer: OpaquePointer?) -> OpaquePointer? {
  reportingErrors {
    let trainer = try object(trainer, as: TrainerHandle.self).trainer
    return handle(
      try SessionHandle(owning: try trainer.model, trainer.options.session))
  }
}

/// The trained model; see `onnxc.h`.
@c @implementation
public func onnx_trained_model(
  _ trainer: OpaquePointer?, _ size: UnsafeMutablePointer<Int>?
) -> UnsafeMutableRawPointer? {
  reportingErrors {
    try block(try object(trainer, as: TrainerHandle.self).trainer.model.serialized(), size)
  }
}

/// Writes a checkpoint; see `onnxc.h`.
@c @implementation
public func onnx_save_checkpoint(
  _ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> Int32 {
  status {
    let trainer = try object(trainer, as: TrainerHandle.self).trainer
    try Checkpoint(trainer, TrainingProgress(), configuration: "").write(to: text(path))
  }
}

/// Continues from a checkpoint; see `onnxc.h`.
@c @implementation
public func onnx_load_checkpoint(
  _ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> Int32 {
  status {
    let trainer = try object(trainer, as: TrainerHandle.self).trainer
    try Checkpoint(contentsOf: text(path)).restore(trainer)
  }
}

extension CallOptions {
  /// The options of a trainer.
  fileprivate mutating func training() throws -> TrainingOptions {
    var options = TrainingOptions()
    try session(&options.session)
    options.session.expansions = []
    options.loss =
      try choice(
        "loss",
        [
          ("cross_entropy", .crossEntropy), ("mse", .meanSquaredError),
          ("bce", .binaryCrossEntropy), ("mean", .mean),
        ]) ?? options.loss
    options.optimizer = try optimizer()
    options.clipNorm = try number("clip_norm")
    options.clipValue = try number("clip_value")
    options.accumulation = try integer("accumulation", from: 1) ?? 1
    if let label = try integer("ignored_label", from: .min) { options.ignoredLabel = Int64(label) }
    options.output = text("output")
    options.frozen = patterns("frozen")
    options.trained = patterns("trained")
    if let seed = try integer("train_seed") { options.seed = UInt64(seed) }
    return options
  }

  private mutating func patterns(_ name: String) -> [String] {
    text(name)?.split(separator: ",").map(String.init) ?? []
  }

  private enum OptimizerKind { case adam, adamw, sgd, rmsprop, adagrad, adadelta }

  private mutating func optimizer() throws -> any Optimizer {
    let kind =
      try choice(
        "optimizer",
        [
          ("adam", OptimizerKind.adam), ("adamw", .adamw), ("sgd", .sgd), ("rmsprop", .rmsprop),
          ("adagrad", .adagrad), ("adadelta", .adadelta),
        ]) ?? .adam
    switch kind {
    case .adam, .adamw:
      let decay = try number("weight_decay") ?? (kind == .adamw ? 0.01 : 0)
      return Adam(
        beta1: try number("beta1") ?? 0.9, beta2: try number("beta2") ?? 0.999,
        epsilon: try number("epsilon") ?? 1e-8, weightDecay: decay, decoupled: kind == .adamw)
    case .sgd:
      return SGD(
        momentum: try number("momentum") ?? 0, nesterov: try flag("nesterov") ?? false,
        weightDecay: try number("weight_decay") ?? 0)
    case .rmsprop:
      return RMSProp(
        decay: try number("decay") ?? 0.99, epsilon: try number("epsilon") ?? 1e-8,
        momentum: try number("momentum") ?? 0, weightDecay: try number("weight_decay") ?? 0)
    case .adagrad:
      return Adagrad(
        rateDecay: try number("rate_decay") ?? 0, epsilon: try number("epsilon") ?? 1e-10,
        weightDecay: try number("weight_decay") ?? 0)
    case .adadelta:
      return Adadelta(
        decay: try number("decay") ?? 0.9, epsilon: try number("epsilon") ?? 1e-6,
        weightDecay: try number("weight_decay") ?? 0)
    }
  }
}
