import ONNXFormat
import ONNXInterpreter

/// A reason why a model cannot be explained.
public enum ExplainError: Error, Sendable, Hashable {
  /// The model has no node of this kind, or none of this name.
  /// - Parameters:
  ///   - kind: such as `convolution`
  ///   - name: the name that was asked for, if any
  ///   - candidates: the names of all nodes of the kind
  case noNode(kind: String, name: String?, candidates: [String])
  /// The node, value or input cannot be explained in this way.
  case unsuitable(String)
  /// An error in the model or its run.
  case model(ModelError)
}

extension ExplainError: CustomStringConvertible {
  /// The error on one line, with control characters escaped.
  public var description: String {
    switch self {
    case .noNode(let kind, let name?, let candidates) where !candidates.isEmpty:
      let list = candidates.prefix(12).map { "'\($0)'" }.joined(separator: ", ")
      let more = candidates.count > 12 ? ", …" : ""
      return "no \(kind) is named '\(name)'; the model has \(list)\(more)".escaped
    case .noNode(let kind, _, _): return "the model has no \(kind)".escaped
    case .unsuitable(let reason): return reason.escaped
    case .model(let error): return "\(error)"
    }
  }
}
