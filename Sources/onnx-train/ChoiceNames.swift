import ArgumentParser
import ONNX

/// The optimisers by their names on the command line.
enum OptimizerName: String, ExpressibleByArgument, CaseIterable {
  case sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamw

  var optimizer: any Optimizer {
    switch self {
    case .sgd: SGD()
    case .momentum: SGD(momentum: 0.9)
    case .nesterov: SGD(momentum: 0.9, nesterov: true)
    case .adagrad: Adagrad()
    case .adadelta: Adadelta()
    case .rmsprop: RMSProp()
    case .adam: Adam()
    case .adamw: Adam.adamW()
    }
  }
}

/// The losses by their names on the command line.
enum LossName: String, ExpressibleByArgument, CaseIterable {
  case crossEntropy = "cross-entropy"
  case mse, bce

  var loss: Loss {
    switch self {
    case .crossEntropy: .crossEntropy
    case .mse: .meanSquaredError
    case .bce: .binaryCrossEntropy
    }
  }
}

/// The options that `tune` and `time` have in common.
struct StepArguments: ParsableArguments {
  @Option(parsing: .unconditional, help: "The loss.")
  var loss = LossName.crossEntropy

  @Option(
    parsing: .unconditional,
    help: "The label of examples or positions that the loss leaves out. (default: -100)")
  var ignoreLabel: Int64?

  @Option(
    parsing: .unconditional,
    help: "The largest norm of all gradients together. Larger gradients are scaled down.")
  var clipNorm: Double?

  func validate() throws {
    if ignoreLabel != nil, loss != .crossEntropy {
      throw ValidationError("--ignore-label: only the loss cross-entropy has labels")
    }
    if let clipNorm, !(clipNorm > 0) {
      throw ValidationError("--clip-norm: expected more than 0, got \(clipNorm)")
    }
  }

  func apply(to options: inout TrainingOptions) {
    options.loss = loss.loss
    if let ignoreLabel { options.ignoredLabel = ignoreLabel }
    options.clipNorm = clipNorm
  }
}
