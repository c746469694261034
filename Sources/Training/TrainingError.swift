import ONNXFormat
import ONNXInterpreter

/// An error of training.
public enum TrainingError: Error, Sendable, Hashable {
  /// The model cannot be trained with these options.
  case model(String)
  /// A label is not that of a class. `source` is the data that has it.
  case label(Int64, source: String, classCount: Int, ignored: Int64)
  /// The loss or the gradient norm of a step is infinite or NaN. `node` describes the first node
  /// with such an output.
  case notFinite(step: Int, node: String)
  /// The file is not a checkpoint, is damaged, or belongs to another training run.
  case checkpoint(String)
  /// The interpreter rejected the model or a batch.
  case interpreter(ModelError)
  /// One of the processes that train together has ended, or cannot be reached.
  case rank(String)
  /// A file could not be read or written.
  case file(FormatError)
}

extension TrainingError: CustomStringConvertible {
  /// The error as one sentence.
  public var description: String {
    switch self {
    case .model(let reason): reason
    case .label(let label, let source, let classCount, let ignored):
      "\(source): label \(label) is out of range: expected 0 to \(classCount - 1), "
        + "or \(ignored), which is left out of the loss"
    case .notFinite(let step, let node):
      "step \(step): the loss or a gradient is infinite or NaN, first in \(node); "
        + "a lower learning rate or gradient clipping may help"
    case .checkpoint(let reason): "cannot resume: \(reason)"
    case .interpreter(let error): error.description
    case .rank(let reason): reason
    case .file(let error): error.description
    }
  }
}

extension TrainingError {
  /// Calls `body` and wraps the `ModelError` that it throws.
  static func wrapping<R>(
    _ body: () throws(ModelError) -> R
  ) throws(TrainingError) -> R {
    do throws(ModelError) { return try body() } catch { throw .interpreter(error) }
  }
}
