import ONNXFormat
import ONNXOperators
import ONNXShape

/// The type of a value that has one of two types, as far as both agree; `nil` if one is a tensor and the
/// other is not.
func join(_ a: ValueType?, _ b: ValueType?) -> ValueType? {
  guard let a, let b else { return nil }
  switch (a.kind, b.kind) {
  case (.tensor(let x), .tensor(let y)):
    return x.elementType == y.elementType ? .tensor(x.elementType, join(x.shape, y.shape)) : nil
  case (.sequence(let x), .sequence(let y)): return .sequence(join(x, y))
  case (.optional(let x), .optional(let y)): return .optional(join(x, y))
  default: return a.kind == b.kind ? a : nil
  }
}

private func join(_ a: Shape?, _ b: Shape?) -> Shape? {
  guard let a, let b, a.rank == b.rank else { return nil }
  return Shape(zip(a.dimensions, b.dimensions).map { $0 == $1 ? $0 : .unknown })
}

extension SubgraphRunner {
  /// The types of the outputs of the body of a loop, some of which are inputs of the next iteration.
  /// - Parameters:
  ///   - carried: the inputs that are carried from outputs, and the output of the first one
  /// - Returns: the types of the outputs; those of carried values are joined with their types before the
  ///   first iteration
  func inferRepeated(
    _ inputs: [ValueType?], carried: Range<Int>, firstOutput: Int
  ) throws(OperatorError) -> [ValueType] {
    var inputs = inputs
    var round = 0
    while true {
      var outputs = try infer(inputs)
      guard outputs.count >= firstOutput + carried.count else {
        throw .subgraph("the body has too few outputs, \(outputs.count)")
      }
      var settled = true
      for (index, input) in carried.enumerated() {
        let output = outputs[firstOutput + index]
        var joined = join(inputs[input], output)
        if joined == inputs[input] {
          outputs[firstOutput + index] = joined ?? output
          continue
        }
        // Sizes may grow in every iteration: after some, only the element type is kept.
        if round >= 4, let type = joined?.tensorType { joined = .tensor(type.elementType, nil) }
        if round >= 8 { joined = nil }
        settled = settled && joined == inputs[input]
        inputs[input] = joined
      }
      if settled { return outputs }
      round += 1
    }
  }
}

extension ValueType {
  /// The type of tensors of this type stacked along a new axis.
  func stacked(_ length: Dimension, axis: Int = 0) throws(OperatorError) -> ValueType {
    switch kind {
    case .undefined: return self
    case .tensor(let type):
      guard var shape = type.shape else { return self }
      let axis = try normalized(axis: axis, rank: shape.rank + 1)
      shape.dimensions.insert(length, at: axis)
      return .tensor(type.elementType, shape)
    default: throw .subgraph("expected a tensor as scan output of the body, got \(self)")
    }
  }
}

/// Tensors of the same type stacked along a new axis.
/// - Parameters:
///   - sizes: the shape of each, used if there are no tensors
///   - isReversed: whether the last tensor comes first
///   - length: the size of the new axis; the rest is filled with zeros
func stack(
  _ tensors: [Tensor], axis: Int, isReversed: Bool = false, length: Int? = nil, _ type: ElementType,
  sizes: @autoclosure () -> [Int], _ call: borrowing Call
) throws(OperatorError) -> Tensor {
  let elementType = tensors.first?.elementType ?? type
  let sizes = tensors.first?.shape ?? sizes()
  let axis = try normalized(axis: axis, rank: sizes.count + 1)
  var shape = sizes
  shape.insert(length ?? tensors.count, at: axis)
  let result = try call.allocate(elementType, shape)
  if let length, length > tensors.count { result.clear() }
  var strides = rowMajorStrides(shape)
  let step = strides.remove(at: axis)
  let from = rowMajorStrides(sizes)
  for (index, tensor) in tensors.enumerated() {
    guard tensor.shape == sizes, tensor.elementType == elementType else {
      throw .subgraph("a scan output changes from \(elementType)\(sizes) to \(tensor.type)")
    }
    let place = isReversed ? tensors.count - 1 - index : index
    StridedCopy(elementType, sizes, from: from, to: strides, toOffset: place &* step)
      .run(from: tensor.storage.pointer, to: result.storage.pointer)
  }
  return result
}
