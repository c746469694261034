/// Every operator type, one line each. A test holds this list against the folder.
enum Operators {
  static let all: [any Operator.Type] = [
    // Math
    Relu.self,

    // Network

    // Recurrent

    // Shape
    CenterCropPad.self,
    Compress.self,
    Concat.self,
    Constant.self,
    ConstantOfShape.self,
    DepthToSpace.self,
    Expand.self,
    EyeLike.self,
    Flatten.self,
    Gather.self,
    GatherElements.self,
    GatherND.self,
    Identity.self,
    NonZero.self,
    OneHot.self,
    Pad.self,
    Pad1.self,
    RangeOperator.self,
    Reshape.self,
    Reshape1.self,
    ReverseSequence.self,
    Scatter.self,
    ScatterElements.self,
    ScatterND.self,
    ShapeOperator.self,
    Size.self,
    Slice.self,
    Slice1.self,
    SpaceToDepth.self,
    Split.self,
    Split1.self,
    Squeeze.self,
    Squeeze1.self,
    TensorScatter.self,
    Tile.self,
    Tile1.self,
    Transpose.self,
    Trilu.self,
    Unique.self,
    Unsqueeze.self,
    Unsqueeze1.self,

    // Control
    ConcatFromSequence.self,
    If.self,
    Loop.self,
    OptionalGetElement.self,
    OptionalHasElement.self,
    OptionalOperator.self,
    Scan.self,
    Scan8.self,
    SequenceAt.self,
    SequenceConstruct.self,
    SequenceEmpty.self,
    SequenceErase.self,
    SequenceInsert.self,
    SequenceLength.self,
    SequenceMap.self,
    SplitToSequence.self,

    // Text
    RegexFullMatch.self,
    StringConcat.self,
    StringNormalizer.self,
    StringSplit.self,
  ]
}
