import ONNXFormat

/// The same elements under another shape: −1 stands for what is left, 0 for the input's size there
/// (for 0 itself with `allowzero`).
struct Reshape: Operator {
  static let schema = Schema(
    "Reshape",
    [
      5: .classic, 13: [.classic, .bfloat16], 14: [.classic, .bfloat16],
      19: [.classic, .bfloat16, .float8s], 21: [.classic, .bfloat16, .float8s, .int4s],
      23: .all, 24: .all, 25: .all,
    ], inputs: 2...2)
  let allowZero: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    allowZero = node.version >= 14 ? try node.flag("allowzero") : false
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let target = try inputs.integers(1) else {
      let rank = try inputs.shape(1, rank: 1)?[0].size
      return [.tensor(data.elementType, rank.map(Shape.init(rank:)))]
    }
    return [
      .tensor(data.elementType, try reshape(data.shape, to: target, allowZero: allowZero))
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel { .view(of: 0) }
}

/// The shape that `target`, with its 0 and −1, gives `shape`.
func reshape(_ shape: Shape?, to target: [Int], allowZero: Bool) throws(OperatorError) -> Shape {
  var result = Shape(rank: target.count)
  for (axis, size) in target.enumerated() {
    switch size {
    case 0 where !allowZero:
      guard let shape else { continue }
      guard axis < shape.rank else {
        throw .input(1, "size 0 at axis \(axis), but the input has rank \(shape.rank)")
      }
      result[axis] = shape[axis]
    case -1: continue
    case 0...: result[axis] = .size(size)
    default: throw .input(1, "negative size \(size)")
    }
  }
  let free = target.indices.filter { target[$0] == -1 }
  guard free.count <= 1 else { throw .input(1, "more than one −1 in \(target)") }
  guard let sizes = shape?.sizes, let count = sizes.elementCount else { return result }
  let known = result.dimensions.compactMap(\.size)
  guard let product = known.elementCount else { throw .input(1, "\(target) overflows") }
  if let axis = free.first {
    guard product > 0, count % product == 0 else {
      throw .input(1, "\(count) elements of \(sizes) do not fit \(target)")
    }
    result[axis] = .size(count / product)
  } else if product != count {
    throw .input(1, "\(count) elements of \(sizes) do not fit \(target)")
  }
  return result
}
