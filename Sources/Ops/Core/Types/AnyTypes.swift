extension TypeSet {
  /// The types of operators that only move elements, since operator set 13.
  public static let any13: TypeSet = [.classic, .bfloat16]
  /// The types of operators that only move elements, since operator set 19: those of 13 and float8.
  public static let any19: TypeSet = [.any13, .float8s]
  /// The types of operators that only move elements, since operator set 21: those of 19, int4 and uint4.
  public static let any21: TypeSet = [.any19, .int4s]
  /// The types of operators that only move elements, since operator set 23: those of 21 and float4e2m1.
  public static let any23: TypeSet = [.any21, TypeSet(.float4e2m1)]
  /// The types of operators that only move elements, since operator set 24: those of 23 and float8e8m0.
  public static let any24: TypeSet = [.any23, TypeSet(.float8e8m0)]
  /// The types of operators that only move elements, since operator set 25: those of 24, int2 and uint2.
  public static let any25: TypeSet = [.any24, .int2s]
}
