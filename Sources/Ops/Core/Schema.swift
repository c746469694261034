import ONNXFormat

/// The name and versions of an operator, with the element types and the numbers of inputs and outputs
/// that they accept.
public struct Schema: Sendable {
  /// The name of the operator, as in `Node.operatorType`.
  public let name: String
  /// The domain of the operator set; empty for `ai.onnx`.
  public let domain: String
  /// The versions that the type implements, ascending, with the element types of their first input.
  public let versions: [(since: Int, types: TypeSet)]
  /// The version that removed the operator; `nil` if it still exists.
  public let removed: Int?
  /// The number of inputs that a node may name, including those left out.
  public let inputs: ClosedRange<Int>
  /// The number of outputs that a node may name, including those left out.
  public let outputs: ClosedRange<Int>

  /// The schema of an operator, such as
  /// `Schema("Swirl", domain: "com.acme", [1: .floats], inputs: 1...1)`.
  ///
  /// - Parameters:
  ///   - name: the operator type
  ///   - domain: the domain; empty for `ai.onnx`
  ///   - versions: the operator set versions that changed the operator, ascending, with the element
  ///     types of the first input
  ///   - removed: the version that removed the operator
  ///   - inputs: the number of inputs that a node may name
  ///   - outputs: the number of outputs that a node may name
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

  /// The schema of an operator of the private domain that computes the gradient of another. It has the
  /// versions of `base` because it reads the same attributes.
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
  /// `least` or more.
  public static func atLeast(_ least: Int) -> ClosedRange<Int> { least...Int.max }
}
