import ONNXFormat
import ONNXOperators
import ONNXShape

/// The tensors of a sequence concatenated along `axis`, or stacked along a new axis.
struct ConcatFromSequence: Operator {
  static let schema = Schema("ConcatFromSequence", [11: .classic], inputs: 1...1)
  let axis: Int
  let isNewAxis: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis")
    isNewAxis = try node.flag("new_axis")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard let type = try inputs.sequenceElement(0)?.tensorType else {
      return [ValueType(.undefined)]
    }
    guard var shape = type.shape else { return [.tensor(type.elementType, nil)] }
    let axis = try normalized(axis: axis, rank: shape.rank + (isNewAxis ? 1 : 0))
    if isNewAxis { shape.dimensions.insert(.unknown, at: axis) } else { shape[axis] = .unknown }
    return [.tensor(type.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let tensors = try call.tensors(0)
      guard let first = tensors.first else { throw .input(0, "the sequence is empty") }
      guard tensors.allSatisfy({ $0.elementType == first.elementType }) else {
        throw .input(0, "the tensors have different element types")
      }
      if isNewAxis {
        return [.tensor(try stack(tensors, axis: axis, first.elementType, sizes: [], call))]
      }
      let shape = try concatenate(tensors.map { Shape($0.shape) }, axis: axis)
      guard let target = shape?.sizes else {
        throw .input(0, "the shapes of the tensors do not match")
      }
      let axis = try normalized(axis: axis, rank: target.count)
      let result = try call.allocate(first.elementType, target)
      let strides = rowMajorStrides(target)
      var start = 0
      for tensor in tensors {
        StridedCopy(
          tensor.elementType, tensor.shape, from: rowMajorStrides(tensor.shape), to: strides,
          toOffset: start &* strides[axis]
        ).run(from: tensor.storage.pointer, to: result.storage.pointer)
        start += tensor.shape[axis]
      }
      return [.tensor(result)]
    }
  }
}
