import ONNXOperators

/// The operators of this module: matrix products. A test compares the lists with the folder.
package enum ProductsOperators {
  package static let forward: [any Operator.Type] = [
    Einsum.self,
    FusedGemm.self,
    FusedMatMul.self,
    Gemm.self,
    MatMul.self,
    MatMulInteger.self,
    QLinearMatMul.self,
    ScaledMatMulInteger.self,
  ]

  /// Operators of the private domain that appear in gradients only.
  package static let gradients: [any Operator.Type] = [
    TransposedMatMul.self
  ]
}
