/// Every operator type, one line each. A test holds this list against the folder.
enum Operators {
  static let all: [any Operator.Type] = [
    // Math
    Relu.self,

    // Network
    AffineGrid.self,
    AveragePool.self,
    BatchNormalization.self,
    CausalConvWithState.self,
    Col2Im.self,
    Conv.self,
    ConvInteger.self,
    ConvTranspose.self,
    DeformConv.self,
    Einsum.self,
    FusedConv.self,
    FusedGemm.self,
    Gemm.self,
    GlobalAveragePool.self,
    GlobalLpPool.self,
    GlobalMaxPool.self,
    GridSample.self,
    GroupNormalization.self,
    GroupNormalization18.self,
    InstanceNormalization.self,
    LayerNormalization.self,
    LpNormalization.self,
    LpPool.self,
    LRN.self,
    MatMul.self,
    MatMulInteger.self,
    MaxPool.self,
    MaxRoiPool.self,
    MaxUnpool.self,
    MeanVarianceNormalization.self,
    QLinearConv.self,
    QLinearMatMul.self,
    Resize.self,
    Resize10.self,
    RMSNormalization.self,
    RoiAlign.self,
    Upsample.self,
    Upsample1.self,

    // Recurrent

    // Shape
    Reshape.self,

    // Control
  ]
}
