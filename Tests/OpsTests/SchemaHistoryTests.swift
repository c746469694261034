import ONNX
import ONNXOperators
import Testing

/// Compares the registry with every version of every standard operator in `SchemaHistory.txt`.
@Suite struct SchemaHistoryTests {
  private static let present = SchemaVersion.all.filter {
    // A pass replaces it by the nodes of the gradient.
    !$0.isRemoved && $0.name != "Gradient"
  }

  /// Versions that the standard removed but that models still use. They mean the same as the
  /// version before them, or as their only specification.
  private static let kept: Set = [
    "ai.onnx GroupNormalization 18", "ai.onnx Scatter 11", "ai.onnx.ml TreeEnsembleClassifier 5",
    "ai.onnx.ml TreeEnsembleRegressor 5",
  ]

  private static func find(_ schema: SchemaVersion, at version: Int) -> Int? {
    Registry.standard.find(schema.name, domain: schema.domain, operatorSet: version)?.since
  }

  @Test func servesEveryVersionOfEveryOperator() {
    #expect(SchemaVersion.all.count == 659)
    let missing = Self.present.filter { Self.find($0, at: $0.version) != $0.version }
    #expect(missing.isEmpty, "missing: \(missing.map(\.description))")
    for schema in SchemaVersion.all where schema.isRemoved {
      let isThere = Self.find(schema, at: schema.version) != nil
      #expect(isThere == Self.kept.contains(schema.description), "\(schema.description)")
    }
  }

  @Test func knowsNoVersionThatTheStandardHasNot() {
    let known = Set(SchemaVersion.all.map(\.description))
    for schema in SchemaVersion.all {
      for version in 1...Registry.newestVersion {
        guard let since = Self.find(schema, at: version) else { continue }
        let name = "\(schema.domainName) \(schema.name) \(since)"
        #expect(known.contains(name), "\(name) is no version of the standard")
      }
    }
  }

  @Test func takesTheElementTypesOfEveryVersion() {
    for schema in Self.present {
      guard let expected = schema.inputs.first?.tensorTypes, !expected.isEmpty,
        let types = Registry.standard.find(
          schema.name, domain: schema.domain, operatorSet: schema.version)?.types
      else { continue }
      let (less, more) = (expected.subtracting(types), types.subtracting(expected))
      #expect(types == expected, "\(schema.description): lacks [\(less)], has beside [\(more)]")
    }
  }

  @Test func takesAsManyInputsAndOutputsAsEveryVersion() {
    for schema in Self.present {
      guard
        let ours = Registry.standard.find(
          schema.name, domain: schema.domain, operatorSet: schema.version)?.operator.schema
      else { continue }
      for (range, parameters) in [(ours.inputs, schema.inputs), (ours.outputs, schema.outputs)] {
        let least = (parameters.lastIndex { !$0.isOptional } ?? -1) + 1
        let most = parameters.last?.isVariadic == true ? 1000 : parameters.count
        #expect(
          range.contains(least) && range.contains(most),
          "\(schema.description) takes \(least) to \(most), here \(range)")
      }
    }
  }

  /// Whether a node of that version with these attributes is valid, with all or with the fewest
  /// inputs and outputs.
  private static func error(_ schema: SchemaVersion, _ attributes: [Attribute]) -> String? {
    var error: String?
    for isFull in [true, false] {
      do {
        _ = try Registry.standard.make(
          schema.node(attributes, isFull: isFull), operatorSet: schema.version)
        return nil
      } catch let thrown { error = "\(thrown)" }
    }
    return error
  }

  @Test func readsTheAttributesOfEveryVersion() {
    var unread: [String] = []
    for schema in Self.present {
      let bases = SampleAttributes.bases(schema)
      for rule in schema.attributes {
        guard let attribute = SampleAttributes.sample(rule, schema), !bases.isEmpty else {
          continue
        }
        let errors = bases.map { base in
          Self.error(
            schema, base.contains { $0.name == rule.name } ? base : base + [attribute])
        }
        if errors.allSatisfy({ $0 != nil }) {
          let reasons = errors.compactMap(\.self).joined(separator: ", ")
          unread.append("\(schema.description) \(rule.name): \(reasons)")
        }
      }
    }
    #expect(unread.isEmpty, "\(unread.joined(separator: "\n"))")
  }

  @Test func refusesTheAttributesOfOtherVersions() {
    let byName = Dictionary(grouping: Self.present) { "\($0.domain) \($0.name)" }
    var accepted: Set<String> = []
    for versions in byName.values {
      for schema in versions {
        let own = Set(schema.attributes.map(\.name))
        for other in versions {
          for rule in other.attributes where !own.contains(rule.name) {
            guard let attribute = SampleAttributes.sample(rule, other) else { continue }
            for base in SampleAttributes.bases(schema)
            where Self.error(schema, base + [attribute]) == nil {
              accepted.insert("\(schema.description): \(rule.name) of \(other.version)")
            }
          }
        }
      }
    }
    #expect(accepted.isEmpty, "\(accepted.sorted().joined(separator: "\n"))")
  }

  /// Operators whose inputs depend on each other in ways that types do not express.
  private static let dependent: Set = [
    "Attention", "BitCast", "DequantizeLinear", "SequenceAt", "SequenceErase", "SequenceInsert",
    "Adagrad", "Adam", "Momentum",
  ]

  @Test func infersFromEveryTypeOfEveryInput() {
    var refused: [String] = []
    for schema in Self.present where !Self.dependent.contains(schema.name) {
      let operators = SampleAttributes.bases(schema).compactMap {
        try? Registry.standard.make(schema.node($0), operatorSet: schema.version).operator
      }
      for (index, input) in schema.inputs.enumerated() {
        for type in ElementType.allCases
        where type != .undefined && input.tensorTypes.contains(type) {
          // Inputs of one list usually share their type.
          let inputs = Inputs(
            types: schema.inputs.map { other -> ValueType? in
              other.types == input.types
                ? .tensor(type, nil) : other.anyTensorType.map { .tensor($0, nil) }
            })
          let isRefused = operators.allSatisfy { (try? $0.infer(inputs)) == nil }
          if !operators.isEmpty, isRefused {
            refused.append("\(schema.description): input \(index) of \(type)")
          }
        }
      }
    }
    #expect(refused.isEmpty, "\(refused.joined(separator: "\n"))")
  }
}
