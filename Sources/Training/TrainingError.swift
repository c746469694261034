import ONNXFormat
import ONNXInterpreter

/// What is wrong with a training, as data.
public enum TrainingError: Error, Sendable, Hashable {
  /// The model cannot be trained so.
  case model(String)
  /// The data do not fit the model.
  case data(String)
  /// The loss is no number any more; `node` is where it began.
  case notFinite(step: Int, node: String)
  case checkpoint(String)
  case interpreter(ModelError)
}

extension TrainingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .model(let reason), .data(let reason): reason
    case .notFinite(let step, let node): "step \(step): not finite any more, first in \(node)"
    case .checkpoint(let reason): "checkpoint: \(reason)"
    case .interpreter(let error): error.description
    }
  }
}
