import ONNXFormat

/// What the standard says of an operator before any tensor is seen.
public struct Schema: Sendable {
  /// The operator's name in the standard.
  public let name: String
  /// The operator set's domain; empty for `ai.onnx`.
  public let domain: String
  /// Every version this type serves, ascending, with the element types that version takes for its
  /// first input.
  public let versions: [(since: Int, types: TypeSet)]
  /// The version that removed the operator from the standard.
  public let removed: Int?
  /// How many inputs a node may name, left-out ones included.
  public let inputs: ClosedRange<Int>
  /// How many outputs a node may name, left-out ones included.
  public let outputs: ClosedRange<Int>

  /// - Parameter versions: since-version and the element types of the first input, ascending.
  public init(
    _ name: String, domain: String = "", _ versions: KeyValuePairs<Int, TypeSet>,
    removed: Int? = nil, inputs: ClosedRange<Int>, outputs: ClosedRange<Int> = 1...1
  ) {
    self.name = name
    self.domain = domain
    self.versions = versions.map { (since: $0.key, types: $0.value) }
    self.removed = removed
    self.inputs = inputs
    self.outputs = outputs
  }

  /// The schema of an operator of this package's own that has the versions of `base`, because it
  /// reads the same attributes: its gradient.
  package init(
    _ name: String, gradientOf base: Schema, inputs: ClosedRange<Int>, outputs: ClosedRange<Int>
  ) {
    self.name = name
    self.domain = Registry.privateDomain
    self.versions = base.versions
    self.removed = nil
    self.inputs = inputs
    self.outputs = outputs
  }
}

extension ClosedRange<Int> {
  /// From `least` to any number.
  public static func atLeast(_ least: Int) -> ClosedRange<Int> { least...Int.max }
}
