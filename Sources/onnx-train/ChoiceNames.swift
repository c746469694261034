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

  func validate() throws {
    if ignoreLabel != nil, loss != .crossEntropy {
      throw ValidationError("--ignore-label: only the loss cross-entropy has labels")
    }
  }

  func apply(to options: inout TrainingOptions) {
    options.loss = loss.loss
    if let ignoreLabel { options.ignoredLabel = ignoreLabel }
  }
}

/// The options by which gradients make steps.
struct GradientArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "The largest norm of all gradients together. Larger gradients are scaled down.")
  var clipNorm: Double?

  @Option(
    parsing: .unconditional, help: "The number of batches whose mean gradient makes one step.")
  var accumulate = 1

  func validate() throws {
    if let clipNorm, !(clipNorm > 0) {
      throw ValidationError("--clip-norm: expected more than 0, got \(clipNorm)")
    }
    guard (1...1_000_000).contains(accumulate) else {
      throw ValidationError("--accumulate: expected at least 1, got \(accumulate)")
    }
  }

  /// The given options, for the configuration of a checkpoint.
  var text: String {
    (clipNorm.map { " clip norm \($0)" } ?? "")
      + (accumulate > 1 ? " accumulate \(accumulate)" : "")
  }

  func apply(to options: inout TrainingOptions) {
    if let clipNorm { options.clipNorm = clipNorm }
    options.accumulation = accumulate
  }
}
