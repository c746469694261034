extension TypeSet {
  /// What operators that move elements without looking at them take since opset 13.
  public static let any13: TypeSet = [.classic, .bfloat16]
  /// The same since opset 19.
  public static let any19: TypeSet = [.any13, .float8s]
  /// The same since opset 21.
  public static let any21: TypeSet = [.any19, .int4s]
  /// The same since opset 23.
  public static let any23: TypeSet = [.any21, TypeSet(.float4e2m1)]
  /// The same since opset 24.
  public static let any24: TypeSet = [.any23, TypeSet(.float8e8m0)]
  /// The same since opset 25.
  public static let any25: TypeSet = [.any24, .int2s]
}
