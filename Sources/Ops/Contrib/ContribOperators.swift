import ONNXOperators

/// The operators of this module: those of the domain `com.microsoft`, which onnxruntime's optimiser and
/// quantiser and the exporters of transformers write. A test compares the list with the folder.
package enum ContribOperators {
  package static let forward: [any Operator.Type] = [
    BiasGelu.self,
    BiasSoftmax.self,
    ContribAttention.self,
    ContribDequantizeLinear.self,
    ContribQLinearConv.self,
    ContribQuantizeLinear.self,
    ContribRotaryEmbedding.self,
    ContribSimplifiedLayerNormalization.self,
    DynamicQuantizeLSTM.self,
    DynamicQuantizeMatMul.self,
    EmbedLayerNormalization.self,
    FastGelu.self,
    FittedChannels.self,
    FusedConv.self,
    FusedGemm.self,
    FusedMatMul.self,
    Gelu.self,
    GroupQueryAttention.self,
    MatMulInteger16.self,
    MatMulIntegerToFloat.self,
    MatMulNBits.self,
    MultiHeadAttention.self,
    NchwcAveragePool.self,
    NchwcConv.self,
    NchwcGlobalAveragePool.self,
    NchwcGlobalMaxPool.self,
    NchwcMaxPool.self,
    NchwcUpsample.self,
    NhwcMaxPool.self,
    QAttention.self,
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
    QuickGelu.self,
    ReorderInput.self,
    ReorderOutput.self,
    SimplifiedLayerNormalization.self,
    SkipLayerNormalization.self,
    SkipSimplifiedLayerNormalization.self,
    TransposeMatMul.self,
  ]

  /// The domain of most of them.
  static let domain = "com.microsoft"
}
