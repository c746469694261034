import ONNXFormat
import ONNXOperators
import ONNXOps

/// What is wrong with a model, or with what it is asked to run on, as data.
public enum ModelError: Error, Sendable, Hashable {
  /// An error in a node; `name` is its name, or `#` and its position where it has none.
  case node(name: String, operatorType: String, OperatorError)
  /// An error in the graph itself.
  case graph(String)
  /// A value given to a run that does not fit the model's input.
  case input(String, String)
  /// A name that the model does not have; `nearest` is the most similar one it has.
  case unknownName(String, nearest: String?)
  case missingInput(String)
  case memory(needed: Int, limit: Int)
  /// A bound session was run while it was running.
  case busy
}

extension ModelError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .node(let name, let type, let error):
      "node '\(name.escaped)' (\(type.escaped)): \(error.description.escaped)"
    case .graph(let reason): reason.escaped
    case .input(let name, let reason): "input '\(name.escaped)': \(reason.escaped)"
    case .unknownName(let name, let nearest):
      "the model has no '\(name.escaped)'"
        + (nearest.map { "; did you mean '\($0.escaped)'?" } ?? "")
    case .missingInput(let name): "input '\(name.escaped)' is missing"
    case .memory(let needed, let limit):
      "the run needs \(needed) bytes of memory, the limit is \(limit)"
    case .busy: "the bound session is running already"
    }
  }
}
