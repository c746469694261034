internal import COperatorList
import ONNXFormat
import Synchronization

/// A table of operators by domain, name and version.
public struct Registry: Sendable {
  /// The newest operator set version of `ai.onnx` that this package supports.
  public static let newestVersion = 28

  /// The domain of operators that passes and gradients create. They are never written to files.
  public static let privateDomain = "swift.onnx"

  private struct Key: Hashable {
    let domain: String
    let name: String
  }

  private typealias Table = [Key: [(since: Int, types: TypeSet, operator: any Operator.Type)]]

  private let operators: [any Operator.Type]
  private let forward: Table
  /// The names of function operators, in any domain.
  package let functionNames: Set<String>
  private let onDemand: OnDemand

  /// A table of operators.
  ///
  /// - Parameters:
  ///   - operators: one type for each meaning of each operator
  ///   - gradients: operators of the private domain that only gradients use
  public init(_ operators: [any Operator.Type], gradients: [any Operator.Type] = []) {
    self.operators = operators
    functionNames = Self.functionNames(operators)
    forward = Self.table(operators)
    onDemand = OnDemand(operators, gradients: gradients)
  }

  private init(_ operators: [any Operator.Type], forward: Table, onDemand: OnDemand) {
    self.operators = operators
    functionNames = Self.functionNames(operators)
    self.forward = forward
    self.onDemand = onDemand
  }

  private static func functionNames(_ operators: [any Operator.Type]) -> Set<String> {
    Set(operators.lazy.filter { $0 is any FunctionOperator.Type }.map { $0.schema.name })
  }

  /// This registry with more operators and their gradient operators. They replace those of the same
  /// domain, name and version.
  public func adding(_ types: [any Operator.Type]) -> Registry {
    guard !types.isEmpty else { return self }
    let forward = Self.merged(forward, Self.table(types))
    let onDemand = OnDemand(
      operators + types, gradients: onDemand.gradientTypes,
      replacedBy: onDemand.replacements + types.flatMap { $0.gradientOperators })
    return Registry(operators + types, forward: forward, onDemand: onDemand)
  }

  /// The first table with the entries of the second, which replace those of the same version.
  private static func merged(_ table: Table, _ other: Table) -> Table {
    var table = table
    for (key, entries) in other {
      let versions = Set(entries.map(\.since))
      let kept = table[key, default: []].filter { !versions.contains($0.since) }
      table[key] = (kept + entries).sorted { $0.since < $1.since }
    }
    return table
  }

  /// What is made once, when it is first used: running a model needs no gradients, and all sessions
  /// share the rewrite rules.
  private final class OnDemand: Sendable {
    let gradientTypes: [any Operator.Type]
    let replacements: [any Operator.Type]
    private let operators: [any Operator.Type]
    private let made = Mutex<(gradients: Table?, rewrites: [String: [RewriteRule]]?)>((nil, nil))

    init(
      _ operators: [any Operator.Type], gradients: [any Operator.Type],
      replacedBy replacements: [any Operator.Type] = []
    ) {
      self.operators = operators
      gradientTypes = gradients
      self.replacements = replacements
    }

    var gradients: Table {
      made.withLock { made in
        let table =
          made.gradients ?? merged(Registry.table(gradientTypes), Registry.table(replacements))
        made.gradients = table
        return table
      }
    }

    var rewrites: [String: [RewriteRule]] {
      made.withLock { made in
        let rules = made.rewrites ?? Registry.rules(operators)
        made.rewrites = rules
        return rules
      }
    }
  }

  private static func table(_ types: [any Operator.Type]) -> Table {
    var table: Table = [:]
    table.reserveCapacity(types.count)
    for type in types {
      let schema = type.schema
      for version in schema.versions {
        table[Key(domain: schema.domain, name: schema.name), default: []]
          .append((version.since, version.types, type))
      }
    }
    return table.mapValues { $0.sorted { $0.since < $1.since } }
  }

  /// The schemas of all operators outside the private domain, one for each meaning.
  public var schemas: [Schema] {
    operators.map { $0.schema }.filter { $0.domain != Self.privateDomain }
  }

  /// The rewrite rules of all operators by the operator names of the nodes that can end their patterns,
  /// largest patterns first.
  public var rewrites: [String: [RewriteRule]] { onDemand.rewrites }

  private static func rules(_ operators: [any Operator.Type]) -> [String: [RewriteRule]] {
    var rules: [String: [RewriteRule]] = [:]
    for rule in operators.flatMap({ $0.rewrites }) {
      for end in rule.ends { rules[end, default: []].append(rule) }
    }
    return rules.mapValues { $0.sorted { $0.size > $1.size } }
  }

  /// A domain with `ai.onnx` replaced by the empty string.
  public static func normalized(domain: String?) -> String {
    guard let domain, domain != "ai.onnx" else { return "" }
    return domain
  }

  /// The type that implements an operator in an operator set, with the version of the operator and its
  /// element types; `nil` if there is none. `EarlyOperator` lists the operators that are found before the
  /// standard has them.
  public func find(
    _ name: String, domain: String, operatorSet: Int
  ) -> (operator: any Operator.Type, since: Int, types: TypeSet)? {
    let key = Key(domain: domain, name: name)
    let early = EarlyOperator.find(name, domain: domain, operatorSet: operatorSet)
    let operatorSet = early?.version ?? operatorSet
    let entries = forward[key] ?? (domain == Self.privateDomain ? onDemand.gradients[key] : nil)
    guard let entry = entries?.last(where: { $0.since <= operatorSet }) else { return nil }
    if let removed = entry.operator.schema.removed, operatorSet >= removed { return nil }
    return (entry.operator, entry.since, entry.types)
  }

  /// The first version of an operator, and the changes of later versions, ascending; `nil` for an
  /// unknown operator.
  public func history(
    of name: String, domain: String
  ) -> (first: Int, steps: [VersionStep])? {
    guard let entries = forward[Key(domain: domain, name: name)], let first = entries.first else {
      return nil
    }
    var seen: Set<ObjectIdentifier> = []
    let types = entries.map(\.operator).filter { seen.insert(ObjectIdentifier($0)).inserted }
    let steps = Dictionary(grouping: types.flatMap { $0.versionSteps }, by: \.version)
    return (first.since, steps.keys.sorted().map { VersionStep($0, all: steps[$0] ?? []) })
  }

  /// The newest operator set version of a domain that changed an operator; `nil` for an unknown domain.
  public func newestVersion(of domain: String) -> Int? {
    if domain.isEmpty { return Self.newestVersion }
    if domain == Self.privateDomain { return nil }
    return forward.filter { $0.key.domain == domain }.values.joined().map(\.since).max()
  }

  /// The operator of a node.
  /// - Throws: `OperatorError` for an unknown operator, or invalid attributes or numbers of inputs and
  ///   outputs
  public func make(
    _ node: Node, operatorSet: Int
  ) throws(OperatorError) -> (operator: any Operator, types: TypeSet) {
    let domain = Self.normalized(domain: node.domain)
    guard let entry = find(node.operatorType, domain: domain, operatorSet: operatorSet) else {
      throw .unknownOperator(node.operatorType, domain: domain, version: operatorSet)
    }
    let schema = entry.operator.schema
    guard schema.inputs.contains(node.inputs.count) else {
      throw .invalid("expected \(schema.inputs.text) inputs, got \(node.inputs.count)")
    }
    guard schema.outputs.contains(node.outputs.count) else {
      throw .invalid("expected \(schema.outputs.text) outputs, got \(node.outputs.count)")
    }
    var node = node
    node.inputs.removeLast(schema.inputs.absentNames(at: node.inputs))
    var reader = try NodeReader(node, version: entry.since, registry: self)
    let made = try entry.operator.init(&reader)
    try reader.finish()
    return (made, entry.types)
  }
}

extension ClosedRange<Int> {
  /// The number of empty names at the end of a list of inputs. They mean the same as a shorter list,
  /// except in a list of any length, whose count has a meaning.
  package func absentNames(at names: [String]) -> Int {
    guard upperBound != Int.max, names.last == "" else { return 0 }
    let used = names.lastIndex { !$0.isEmpty }.map { $0 + 1 } ?? 0
    return Swift.max(names.count - Swift.max(used, lowerBound), 0)
  }

  fileprivate var text: String {
    if lowerBound == upperBound { return "\(lowerBound)" }
    return upperBound == Int.max ? "at least \(lowerBound)" : "\(lowerBound) to \(upperBound)"
  }
}

extension Registry {
  /// The operators of this package: those of the standard, and private ones that its passes and
  /// gradients use.
  public static let standard = RegistryBox.released(onnx_standard_operators())
}

/// Carries a registry through a C function.
package final class RegistryBox {
  private let registry: Registry

  package init(_ registry: Registry) { self.registry = registry }

  /// The address of this box, which `released` must be called with once.
  package var retained: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

  fileprivate static func released(_ address: UnsafeMutableRawPointer) -> Registry {
    Unmanaged<RegistryBox>.fromOpaque(address).takeRetainedValue().registry
  }
}
