import ONNXFormat

/// What can be wrong with a node, as data; whoever knows the node's name adds it.
public enum OperatorError: Error, Sendable, Hashable {
  case unknownOperator(String, domain: String, version: Int)
  case unknownAttribute(String)
  case attribute(String, String)
  case input(Int, String)
  case output(Int, String)
  /// Right by the standard, but not done here.
  case unsupported(String)
  case memory(needed: Int, limit: Int)
  case subgraph(String)
  /// Anything else that the data brings about.
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

  public init(_ error: TensorError) {
    switch error {
    case .outOfMemory(let bytes): self = .memory(needed: bytes, limit: bytes)
    default: self = .invalid(error.description)
    }
  }
}

extension OperatorError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknownOperator(let name, let domain, let version):
      "no operator '\(name)' in domain '\(domain.isEmpty ? "ai.onnx" : domain)' at version \(version)"
        + (Self.isStandard(domain) ? "" : Self.operatorsHint)
    case .unknownAttribute(let name): "unknown attribute '\(name)'"
    case .attribute(let name, let reason): "attribute '\(name)': \(reason)"
    case .input(let index, let reason): "input \(index): \(reason)"
    case .output(let index, let reason): "output \(index): \(reason)"
    case .unsupported(let what): "not supported: \(what)"
    case .memory(let needed, let limit): "needs \(needed) bytes of memory, the limit is \(limit)"
    case .subgraph(let reason): reason
    case .invalid(let reason): reason
    }
  }
}
