import ONNXOperators

/// The operators of this module, which create, move and copy elements. A test compares the lists with
/// the folder.
package enum ShapeOperators {
  package static let forward: [any Operator.Type] = [
    CenterCropPad.self,
    Compress.self,
    Concat.self,
    Constant.self,
    ConstantOfShape.self,
    Crop.self,
    DepthToSpace.self,
    DynamicSlice.self,
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
    Slice1.self,
    SliceOperator.self,
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
  ]

  /// Operators of the private domain that only gradients use.
  package static let gradients: [any Operator.Type] = [
    GatherGrad.self,
    GatherNDGrad.self,
    PadGrad.self,
    Slice1Grad.self,
    SliceGrad.self,
  ]
}
