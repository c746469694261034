import ONNXFormat
import ONNXOperators

/// The operator sets that a model imports.
package struct OperatorSets: Sendable {
  private var versions: [String: Int] = [:]

  /// Domains that need no import: onnxruntime adds their imports itself, and its tools write files
  /// without them.
  private static let implied: Set<String> = ["com.microsoft", "com.microsoft.nchwc"]

  /// The same version may be imported several times.
  /// - Throws: `ModelError.graph` for two versions of a domain, and a version that is not known.
  package init(_ imports: [OperatorSetImport]) throws(ModelError) {
    for entry in imports {
      let domain = Registry.normalized(domain: entry.domain)
      guard let version = Int(exactly: entry.version), version >= 1 else {
        throw .graph(
          "operator set '\(domain.isEmpty ? "ai.onnx" : domain)' has version \(entry.version); "
            + "versions start at 1")
      }
      if domain.isEmpty, version > Registry.newestVersion {
        throw .graph(
          "the model imports operator set version \(version); the newest supported is "
            + "\(Registry.newestVersion)")
      }
      if let other = versions.updateValue(version, forKey: domain), other != version {
        throw .graph(
          "the model imports operator set '\(domain.isEmpty ? "ai.onnx" : domain)' twice, with the "
            + "versions \(other) and \(version)")
      }
    }
    // Models before IR version 3 import nothing.
    if versions.isEmpty { versions[""] = 1 }
  }

  /// The version of the operator set whose rules a node follows.
  /// - Parameter fail: adds the node to an error
  /// - Throws: `ModelError` where the model does not import the node's domain.
  package func version(
    for node: ONNXFormat.Node, _ fail: (OperatorError) -> ModelError
  ) throws(ModelError) -> Int {
    if let version = node.operatorSetVersion { return version }
    let domain = Registry.normalized(domain: node.domain)
    // Passes make nodes of this package's own domain without importing it.
    if domain == Registry.privateDomain { return 1 }
    guard let version = versions[domain] ?? (Self.implied.contains(domain) ? 1 : nil) else {
      throw fail(.invalid("the model does not import the domain '\(domain)'"))
    }
    return version
  }
}
