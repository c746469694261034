/// Every operator type, one line each. A test holds this list against the folder.
enum Operators {
  static let all: [any Operator.Type] = [
    // Math
    Relu.self,

    // Network
    Conv.self,
    FusedConv.self,

    // Recurrent
    GRU.self,
    LSTM.self,
    RNN.self,

    // Shape
    Concat.self,
    Constant.self,
    ConstantOfShape.self,
    Expand.self,
    Flatten.self,
    Gather.self,
    GatherElements.self,
    GatherND.self,
    Identity.self,
    Pad.self,
    Pad1.self,
    RangeOperator.self,
    Reshape.self,
    Reshape1.self,
    Scatter.self,
    ScatterElements.self,
    ScatterND.self,
    ShapeOperator.self,
    Size.self,
    Slice1.self,
    Slice.self,
    Split.self,
    Split1.self,
    Squeeze.self,
    Squeeze1.self,
    Tile.self,
    Tile1.self,
    Transpose.self,
    Unsqueeze.self,
    Unsqueeze1.self,

    // Control
    If.self,
    Loop.self,
    Scan.self,
    Scan8.self,
  ]
}
