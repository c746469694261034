import ONNXFormat
import ONNXOperators

/// The elements of the input in another shape. A size of −1 is inferred from the others. 0 keeps the
/// size of the input, unless `allowzero` is set.
struct Reshape: ReshapingOperator {
  static let schema = Schema(
    "Reshape",
    [
      5: .classic, 13: .any13, 14: .any13, 19: .any19, 21: .any21, 23: .any23, 24: .any24,
      25: .any25,
    ], inputs: 2...2)
  let allowZero: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    allowZero = node.version >= 14 ? try node.flag("allowzero") : false
  }

  var shapeInputs: [Int] { [1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let target = try inputs.vector(1) else {
      let rank = try inputs.shape(1, rank: 1)?[0].size
      return [.tensor(data.elementType, try Shape(unknownOfRank: rank))]
    }
    return [
      .tensor(data.elementType, try reshape(data.shape, to: target, allowZero: allowZero))
    ]
  }
}

/// `Reshape` with the target shape as an attribute.
struct Reshape1: ReshapingOperator {
  static let schema = Schema("Reshape", [1: .floats], inputs: 1...1)
  let target: [Int]

  init(_ node: inout NodeReader) throws(OperatorError) {
    target = try node.ints("shape")
    try node.skipConsumedInputs()
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    return [.tensor(data.elementType, try reshape(data.shape, to: target, allowZero: false))]
  }
}

/// The result of reshaping `shape` to `target`, which may contain 0 and −1.
/// - Throws: `OperatorError.invalid` if the numbers of elements differ
func reshape(_ shape: Shape?, to target: [Int], allowZero: Bool) throws(OperatorError) -> Shape {
  var result = Shape(rank: target.count)
  // Sizes other than those that 0 keeps.
  var left = shape?.dimensions.map(Optional.some)
  var product: [Int] = []
  var free: Int?
  for (axis, size) in target.enumerated() {
    switch size {
    case 0 where !allowZero:
      guard let shape else { continue }
      guard axis < shape.rank else {
        throw .invalid("size 0 at axis \(axis) of \(target), but the input has rank \(shape.rank)")
      }
      result[axis] = shape[axis]
      left?[axis] = nil
    case -1:
      guard free == nil else { throw .invalid("more than one −1 in \(target)") }
      free = axis
    case 0...:
      result[axis] = .size(size)
      product.append(size)
    default: throw .invalid("negative size \(size) in \(target)")
    }
  }
  guard let shape, let left else { return result }
  var sizes: [Int] = []
  for case let dimension? in left {
    guard let size = dimension.size else { return result }
    sizes.append(size)
  }
  guard let count = sizes.elementCount, let known = product.elementCount else {
    throw .invalid("the number of elements of \(shape) or \(target) overflows")
  }
  if let free {
    if known == 0 || count % known != 0 {
      throw .invalid("cannot reshape \(shape) to \(target)")
    }
    result[free] = .size(count / known)
  } else if known != count, !result.contains(.size(0)) {
    throw .invalid("cannot reshape \(shape) to \(target)")
  }
  if let before = shape.sizes, let after = result.sizes,
    before.elementCount != after.elementCount || after.elementCount == nil
  {
    throw .invalid("cannot reshape \(shape) to \(target)")
  }
  return result
}

extension Shape {
  /// A shape of unknown sizes.
  /// - Throws: `OperatorError.invalid` for a rank that is too large, before memory is allocated for it
  init?(unknownOfRank rank: Int?) throws(OperatorError) {
    guard let rank else { return nil }
    guard rank >= 0, rank <= Self.largestRank else {
      throw .invalid("rank \(rank) is too large")
    }
    self.init(rank: rank)
  }

  /// Larger than the rank of any real tensor, and small enough to loop over.
  static let largestRank = 4096
}

extension Reshape {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        5,
        up: { change throws(OperatorError) in
          change.drop("consumed_inputs")
          try change.integersToInput("shape", 1)
        },
        down: { change throws(OperatorError) in try change.integersToAttribute("shape", 1) }),
      VersionStep(
        14,
        down: { change throws(OperatorError) in
          if try change.int("allowzero") == 1, change.constant(1)?.integers?.contains(0) ?? true {
            throw .attribute(
              "allowzero", "must be 0, because that version copies the size of the input for 0")
          }
          change.drop("allowzero")
        }),
    ]
  }
}

extension Reshape {
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    haveEqualSizes(input, output)
  }
}

extension Reshape1 {
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    haveEqualSizes(input, output)
  }
}
