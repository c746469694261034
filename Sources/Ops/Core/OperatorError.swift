import ONNXFormat

/// An error in a node or in the data that it runs on. The caller adds the name of the node.
public enum OperatorError: Error, Sendable, Hashable {
  /// No registered operator has this name and domain at this operator set version.
  case unknownOperator(String, domain: String, version: Int)
  /// The operator has no attribute with this name.
  case unknownAttribute(String)
  /// The attribute with this name is missing or invalid, with the reason.
  case attribute(String, String)
  /// The input at this position is missing or invalid, with the reason.
  case input(Int, String)
  /// The output at this position is missing or invalid, with the reason.
  case output(Int, String)
  /// Something that the standard allows, but this package does not implement.
  case unsupported(String)
  /// The run needs more bytes of memory than its limit.
  case memory(needed: Int, limit: Int)
  /// A run that took longer than its time limit.
  case deadline(limit: Duration)
  /// An error in a graph attribute, with its description.
  case subgraph(String)
  /// Any other error, with its description.
  case invalid(String)
}

extension OperatorError {
  /// Whether this package has the operators of a domain.
  package static func isStandard(_ domain: String) -> Bool {
    domain.isEmpty || domain.hasPrefix("ai.onnx") || domain == Registry.privateDomain
  }

  /// The end of an error about missing operators of other domains.
  package static let operatorsHint =
    "; the session needs the types of such operators in SessionOptions.operators"

  /// An error of a tensor as that of an operator.
  public init(_ error: TensorError) {
    switch error {
    case .outOfMemory(let bytes): self = .memory(needed: bytes, limit: bytes)
    default: self = .invalid(error.description)
    }
  }
}

extension OperatorError: CustomStringConvertible {
  /// The error in a sentence without the name of the node.
  public var description: String {
    switch self {
    case .unknownOperator(let name, let domain, let version):
      "no operator \(name.quoted) in domain \((domain.isEmpty ? "ai.onnx" : domain).quoted) "
        + "at version \(version)"
        + (Self.isStandard(domain) ? "" : Self.operatorsHint)
    case .unknownAttribute(let name): "unknown attribute \(name.quoted)"
    case .attribute(let name, let reason): "attribute \(name.quoted): \(reason)"
    case .input(let index, let reason): "input \(index): \(reason)"
    case .output(let index, let reason): "output \(index): \(reason)"
    case .unsupported(let what): "not supported: \(what)"
    case .memory(let needed, let limit): "needs \(needed) bytes of memory, the limit is \(limit)"
    case .deadline(let limit): "deadline exceeded: the time limit is \(limit)"
    case .subgraph(let reason): reason
    case .invalid(let reason): reason
    }
  }
}
