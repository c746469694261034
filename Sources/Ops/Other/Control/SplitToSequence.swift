import ONNXFormat
import ONNXOperators
import ONNXShape

/// The input split along `axis` into a sequence of parts of the lengths in `split`. A scalar, by default
/// 1, is the length of all parts but the last, which may be shorter.
struct SplitToSequence: Operator {
  static let schema = Schema("SplitToSequence", [11: .classic, 24: .any13], inputs: 1...2)
  let axis: Int
  let keepsDimension: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 0)
    // Ignored if lengths are given.
    keepsDimension = try node.flag("keepdims", default: true) || node.inputCount > 1
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    if inputs.has(1) { _ = try inputs.tensor(1, [.int32, .int64]) }
    guard var shape = data.shape else { return [.sequence(.tensor(data.elementType, nil))] }
    let axis = try normalized(axis: axis, rank: shape.rank)
    if keepsDimension {
      shape[axis] = inputs.has(1) ? .unknown : 1
    } else {
      shape.dimensions.remove(at: axis)
    }
    return [.sequence(.tensor(data.elementType, shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in try run(call) }
  }

  private func run(_ call: borrowing Call) throws(OperatorError) -> [Value?] {
    let data = try call.tensor(0)
    let axis = try normalized(axis: axis, rank: data.shape.count)
    let lengths = try lengths(of: data.shape[axis], call.has(1) ? try call.tensor(1) : nil, call)
    let strides = rowMajorStrides(data.shape)
    var pieces: [Value] = []
    var start = 0
    for length in lengths {
      var sizes = data.shape
      sizes[axis] = length
      let piece = try call.allocate(data.elementType, sizes)
      StridedCopy(
        data.elementType, sizes, from: strides, fromOffset: start &* strides[axis],
        to: rowMajorStrides(sizes)
      ).run(from: data.storage.pointer, to: piece.storage.pointer)
      if !keepsDimension { sizes.remove(at: axis) }
      pieces.append(.tensor(try piece.viewed(as: sizes)))
      start += length
    }
    var shape = Shape(data.shape)
    if keepsDimension {
      shape[axis] = call.has(1) ? .unknown : 1
    } else {
      shape.dimensions.remove(at: axis)
    }
    return [
      .sequence(SequenceValue(pieces, elementType: .tensor(data.elementType, shape)))
    ]
  }

  private func lengths(
    of size: Int, _ split: Tensor?, _ call: borrowing Call
  ) throws(OperatorError) -> [Int] {
    if let split, !split.shape.isEmpty {
      let lengths = split.integers ?? []
      var rest = size
      for length in lengths {
        guard length >= 0, length <= rest else {
          throw .input(1, "the sum of the lengths \(lengths) is not \(size)")
        }
        rest -= length
      }
      guard rest == 0 else { throw .input(1, "the sum of the lengths \(lengths) is not \(size)") }
      return lengths
    }
    let length = split?.integers?.first ?? 1
    guard length > 0 else { throw .input(1, "expected a positive length, got \(length)") }
    let step = min(length, max(size, 1))
    try call.reserve((size - 1) / step + 1, bytesEach: 256)
    return stride(from: 0, to: size, by: step).map { min(step, size - $0) }
  }
}
