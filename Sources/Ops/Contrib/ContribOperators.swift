import ONNXOperators

/// The operators of this module: those of the domain `com.microsoft`, which onnxruntime's optimiser and
/// quantiser and the exporters of transformers write. A test compares the list with the folder.
package enum ContribOperators {
  package static let forward: [any Operator.Type] = [
    BiasGelu.self,
    ContribDequantizeLinear.self,
    ContribQLinearConv.self,
    ContribQuantizeLinear.self,
    DynamicQuantizeLSTM.self,
    DynamicQuantizeMatMul.self,
    GatherBlockQuantized.self,
    MatMulBnb4.self,
    MatMulInteger16.self,
    MatMulIntegerToFloat.self,
    MatMulNBits.self,
    MoE.self,
    QEmbedLayerNormalization.self,
    QGemm.self,
    QLinearAdd.self,
    QLinearAveragePool.self,
    QLinearConcat.self,
    QLinearGlobalAveragePool.self,
    QLinearLeakyRelu.self,
    QLinearMul.self,
    QLinearSigmoid.self,
    QLinearSoftmax.self,
    QLinearWhere.self,
    QMoE.self,
  ]

  /// The domain of most of them.
  static let domain = "com.microsoft"
}
