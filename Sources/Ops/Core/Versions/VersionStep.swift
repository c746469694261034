import ONNXFormat

/// What a version changed for an operator beyond its element types, and how a node passes from one
/// side of the change to the other without a change of its meaning.
public struct VersionStep: Sendable {
  public typealias Change = @Sendable (inout VersionChange) throws(OperatorError) -> Void

  /// The first version of the operator set that has the new form.
  public let version: Int
  /// Turns a node of the version before into one of `version`.
  public let up: Change
  /// Turns a node of `version` into one of the version before.
  public let down: Change

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
  /// Several changes that one version brought, as one. The last to be undone may put another operator
  /// in the node's place.
  package init(_ version: Int, all steps: [VersionStep]) {
    self.init(
      version,
      up: { change throws(OperatorError) in for step in steps { try step.up(&change) } },
      down: { change throws(OperatorError) in
        for step in steps.reversed() { try step.down(&change) }
      })
  }

  /// The value of an attribute under which a node means what it meant without that attribute.
  public enum Neutral: Sendable {
    case int(Int)
    /// A list of any length of this number alone.
    case ints(Int)
    case string(String)
    /// Whatever it is: the attribute does not change what is computed.
    case any
  }

  /// The attributes came with that version.
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

  /// The attributes went with that version.
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

  /// A list of integers that was an attribute is an input since that version.
  package static func integersBecameInput(
    _ version: Int, _ attribute: String, input: Int
  ) -> VersionStep {
    VersionStep(
      version,
      up: { change throws(OperatorError) in try change.integersToInput(attribute, input) },
      down: { change throws(OperatorError) in try change.integersToAttribute(attribute, input) })
  }

  /// Inputs from this one on came with that version.
  package static func addedInputs(_ version: Int, from first: Int) -> VersionStep {
    VersionStep(
      version, down: { change throws(OperatorError) in try change.forbidInputs(first...) })
  }

  /// Outputs from this one on came with that version.
  package static func addedOutputs(_ version: Int, from first: Int) -> VersionStep {
    VersionStep(
      version, down: { change throws(OperatorError) in try change.forbidOutputs(first...) })
  }

  /// Before that version the axis, or the axes, had to be counted from the front.
  package static func negativeAxes(_ version: Int, _ attribute: String = "axis") -> VersionStep {
    VersionStep(
      version, down: { change throws(OperatorError) in try change.countFromFront(attribute) })
  }

  /// The operator came with that version, and before it these nodes do what it does.
  package static func introduced(_ version: Int, before: @escaping Change) -> VersionStep {
    VersionStep(version, down: before)
  }

  /// From that version on another operator has the operator's meaning and form.
  package static func replaced(_ version: Int, by name: String) -> VersionStep {
    VersionStep(version, up: { change throws(OperatorError) in change.node.operatorType = name })
  }

  /// Which element types an input takes, by the version that changed them.
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
          throw .input(input, "that version takes \(old.types) there, not \(type)")
        })
    }
  }

  /// Sequences may pass since one version, optionals since another.
  package static func kinds(sequences: Int, optionals: Int) -> [VersionStep] {
    func step(_ version: Int, _ name: String, _ isNew: @escaping @Sendable (ValueType) -> Bool)
      -> VersionStep
    {
      VersionStep(
        version,
        down: { change throws(OperatorError) in
          if change.allTypes.contains(where: isNew) {
            throw .unsupported("\(name), which came with operator set \(version)")
          }
        })
    }
    return [
      step(sequences, "a sequence") { if case .sequence = $0.kind { true } else { false } },
      step(optionals, "an optional") { if case .optional = $0.kind { true } else { false } },
    ]
  }
}
