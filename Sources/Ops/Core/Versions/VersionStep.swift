import ONNXFormat

/// A change that a version made to an operator other than to its element types, and the conversions of
/// a node between both forms that keep its meaning.
public struct VersionStep: Sendable {
  /// A conversion of a node.
  /// - Throws: `OperatorError` if the other version cannot express the node
  public typealias Change = @Sendable (inout VersionChange) throws(OperatorError) -> Void

  /// The first operator set version that has the new form.
  public let version: Int
  /// Converts a node of the previous version to `version`.
  public let up: Change
  /// Converts a node of `version` to the previous version.
  public let down: Change

  /// A change; by default, conversions leave the node as it is.
  public init(
    _ version: Int, up: @escaping Change = { _ throws(OperatorError) in },
    down: @escaping Change = { _ throws(OperatorError) in }
  ) {
    self.version = version
    self.up = up
    self.down = down
  }
}

extension VersionStep {
  /// Several changes of the same version combined. `down` undoes them in reverse order; the last one may
  /// replace the operator.
  package init(_ version: Int, all steps: [VersionStep]) {
    self.init(
      version,
      up: { change throws(OperatorError) in for step in steps { try step.up(&change) } },
      down: { change throws(OperatorError) in
        for step in steps.reversed() { try step.down(&change) }
      })
  }

  /// The value of an attribute with which a node means the same as without the attribute.
  public enum Neutral: Sendable {
    /// An integer.
    case int(Int)
    /// A list of any length in which all numbers are this one.
    case ints(Int)
    /// A string.
    case string(String)
    /// Any value: the attribute does not affect the result.
    case any
  }

  /// The version added the attributes.
  package static func added(_ version: Int, _ attributes: KeyValuePairs<String, Neutral>)
    -> VersionStep
  {
    let attributes = attributes.map { ($0.key, $0.value) }
    return VersionStep(
      version,
      down: { change throws(OperatorError) in
        for (name, neutral) in attributes { try change.dropNeutral(name, neutral) }
      })
  }

  /// The version removed the attributes.
  package static func removed(_ version: Int, _ attributes: KeyValuePairs<String, Neutral>)
    -> VersionStep
  {
    let attributes = attributes.map { ($0.key, $0.value) }
    return VersionStep(
      version,
      up: { change throws(OperatorError) in
        for (name, neutral) in attributes { try change.dropNeutral(name, neutral) }
      })
  }

  /// The version replaced an attribute, a list of integers, by an input.
  package static func integersBecameInput(
    _ version: Int, _ attribute: String, input: Int
  ) -> VersionStep {
    VersionStep(
      version,
      up: { change throws(OperatorError) in try change.integersToInput(attribute, input) },
      down: { change throws(OperatorError) in try change.integersToAttribute(attribute, input) })
  }

  /// The version added the outputs from `first` on.
  package static func addedOutputs(_ version: Int, from first: Int) -> VersionStep {
    VersionStep(
      version, down: { change throws(OperatorError) in try change.forbidOutputs(first...) })
  }

  /// The version allowed negative axes in an attribute.
  package static func negativeAxes(_ version: Int, _ attribute: String = "axis") -> VersionStep {
    VersionStep(
      version, down: { change throws(OperatorError) in try change.countFromFront(attribute) })
  }

  /// The version added the operator. `before` replaces it by nodes of older versions.
  package static func introduced(_ version: Int, before: @escaping Change) -> VersionStep {
    VersionStep(version, down: before)
  }

  /// The version replaced the operator by another one with the same meaning and form.
  package static func replaced(_ version: Int, by name: String) -> VersionStep {
    VersionStep(version, up: { change throws(OperatorError) in change.node.operatorType = name })
  }

  /// The element types of an input, by the versions that changed them.
  package static func types(
    ofInput input: Int, _ versions: [(since: Int, types: TypeSet)]
  ) -> [VersionStep] {
    zip(versions, versions.dropFirst()).map { old, new in
      VersionStep(
        new.since,
        down: { change throws(OperatorError) in
          guard let type = change.tensorType(input)?.elementType, type != .undefined,
            !old.types.contains(type)
          else { return }
          throw .input(input, "that version supports \(old.types), not \(type)")
        })
    }
  }

  /// Sequences are supported since one version, optionals since another.
  package static func kinds(sequences: Int, optionals: Int) -> [VersionStep] {
    func step(_ version: Int, _ name: String, _ isNew: @escaping @Sendable (ValueType) -> Bool)
      -> VersionStep
    {
      VersionStep(
        version,
        down: { change throws(OperatorError) in
          if change.allTypes.contains(where: isNew) {
            throw .unsupported("\(name), which needs operator set \(version)")
          }
        })
    }
    return [
      step(sequences, "a sequence") { if case .sequence = $0.kind { true } else { false } },
      step(optionals, "an optional") { if case .optional = $0.kind { true } else { false } },
    ]
  }
}
