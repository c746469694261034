import ONNXFormat
import ONNXOperators

/// An error in a model, or in the values it is run on, as data. `description` is one line.
public enum ModelError: Error, Sendable, Hashable {
  /// An error in the model's file.
  case file(FormatError)
  /// An error in a node; `name` is its name, or `#` and its position where it has none.
  case node(name: String, operatorType: String, OperatorError)
  /// All operators that the session does not have, those of the most nodes first. A single node that
  /// has none gives `node` with an `OperatorError.unknownOperator` instead.
  case unknownOperators([MissingOperator])
  /// An error in the graph itself.
  case graph(String)
  /// A value that does not fit the model's input of that name, and the reason.
  case input(String, String)
  /// A name that the model does not have; `nearest` is the most similar one that it has.
  case unknownName(String, nearest: String?)
  /// An input of that name that a run was not given.
  case missingInput(String)
  /// More bytes of memory than the limit.
  case memory(needed: Int, limit: Int)
  /// A bound session that is already running, on another thread.
  case busy
}

extension ModelError: CustomStringConvertible {
  /// The error in one line, control characters escaped.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .node(let name, let type, let error):
      "node '\(name.escaped)' (\(type.escaped)): \(error.description.escaped)"
    case .unknownOperators(let missing): unknownOperatorsText(missing).escaped
    case .graph(let reason): reason.escaped
    case .input(let name, let reason): "input '\(name.escaped)': \(reason.escaped)"
    case .unknownName(let name, let nearest):
      "the model has no '\(name.escaped)'"
        + (nearest.map { "; did you mean '\($0.escaped)'?" } ?? "")
    case .missingInput(let name): "input '\(name.escaped)' is missing; every run needs it"
    case .memory(let needed, let limit):
      "the run needs \(needed) bytes of memory; the limit is \(limit)"
    case .busy: "the bound session is already running; bind one session for each thread"
    }
  }
}
