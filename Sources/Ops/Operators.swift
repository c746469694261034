/// Every operator type, one line each. A test holds this list against the folder.
enum Operators {
  static let all: [any Operator.Type] = [
    // Math
    Relu.self,

    // Network
    AveragePool.self,
    Conv.self,
    ConvInteger.self,
    FusedConv.self,
    FusedGemm.self,
    Gemm.self,
    GlobalAveragePool.self,
    GlobalLpPool.self,
    GlobalMaxPool.self,
    LpPool.self,
    MatMul.self,
    MatMulInteger.self,
    MaxPool.self,
    MaxUnpool.self,
    QLinearConv.self,
    QLinearMatMul.self,

    // Recurrent

    // Shape
    Reshape.self,

    // Control
  ]
}
