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
  /// Loading that took longer than `SessionOptions.timeLimit`, or a run that took longer than that or its
  /// own timeout.
  case deadline(limit: Duration)
  /// A bound session that is already running, on another thread.
  case busy
  /// A run whose task was cancelled.
  case cancelled
  /// A run with one tensor of a model that has these inputs instead of one.
  case inputCount([String])
  /// A run for one tensor of a model that has these outputs instead of one.
  case outputCount([String])
}

extension ModelError: CustomStringConvertible {
  /// The error in one line, names and reasons from the file escaped and cut.
  public var description: String {
    func shown(_ text: String) -> String { text.clipped(1000).escaped }
    switch self {
    case .file(let error): return error.description
    case .node(let name, let type, let error):
      return "node \(name.quoted) (\(type.clipped(100).escaped)): \(shown(error.description))"
    case .unknownOperators(let missing):
      return unknownOperatorsText(missing).clipped(10_000).escaped
    case .graph(let reason): return shown(reason)
    case .input(let name, let reason): return "input \(name.quoted): \(shown(reason))"
    case .unknownName(let name, let nearest):
      return "the model has no \(name.quoted)"
        + (nearest.map { "; did you mean \($0.quoted)?" } ?? "")
    case .missingInput(let name): return "input \(name.quoted) is missing; every run needs it"
    case .memory(let needed, let limit):
      return "the run needs \(needed) bytes of memory; the limit is \(limit)"
    case .deadline(let limit): return "deadline exceeded: the time limit is \(limit)"
    case .busy: return "the bound session is already running; bind one session for each thread"
    case .cancelled: return "the run was cancelled"
    case .inputCount(let names):
      return "\(counted(names, "input")); pass a dictionary of tensors by name"
    case .outputCount(let names): return "\(counted(names, "output")); say which one to return"
    }
  }
}

private func counted(_ names: [String], _ kind: String) -> String {
  if names.isEmpty { return "the model has no \(kind)s" }
  let list = names.prefix(20).map(\.quoted).joined(separator: ", ")
  return "the model has \(names.count) \(kind)s, not one: \(list)\(names.count > 20 ? ", …" : "")"
}
