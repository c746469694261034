/// An operator of `ai.onnx` that programs write into models of operator sets in which the standard
/// does not have it, and that onnxruntime runs there.
public struct EarlyOperator: Sendable {
  /// The name of the operator.
  public let name: String
  /// The operator sets in which it is accepted although the standard lacks it.
  public let operatorSets: ClosedRange<Int>
  /// The version of the standard's operator whose rules such nodes follow; `nil` for an operator that
  /// the standard never had.
  public let version: Int?
  /// The reason why such nodes exist, as a sentence without a period.
  public let reason: String

  /// All exceptions. A node that is not on this list is an error before the standard has its operator.
  public static let all: [EarlyOperator] =
    [
      EarlyOperator(
        name: "LayerNormalization", operatorSets: 1...16, version: 17,
        reason: "onnxruntime's optimiser writes it into models of any operator set"),
      EarlyOperator(
        name: "MeanVarianceNormalization", operatorSets: 1...8, version: 9,
        reason: "it was an experimental operator until operator set 9"),
      EarlyOperator(
        name: "SimplifiedLayerNormalization", operatorSets: 1...Registry.newestVersion,
        version: nil,
        reason: "onnxruntime has RMSNormalization under this name in every operator set"),
      EarlyOperator(
        name: "ThresholdedRelu", operatorSets: 1...9, version: 10,
        reason: "it was an experimental operator until operator set 10"),
    ]
    + [
      "Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh",
    ].map {
      EarlyOperator(
        name: $0, operatorSets: 1...9, version: nil,
        reason: "it was an experimental operator of the first converters")
    }

  private static let byName = Dictionary(grouping: all, by: \.name)

  /// The exception for a node of this operator; `nil` where the standard has it, or nothing does.
  public static func find(_ name: String, domain: String, operatorSet: Int) -> EarlyOperator? {
    guard domain.isEmpty else { return nil }
    return byName[name]?.first { $0.operatorSets.contains(operatorSet) }
  }
}
