import ONNXFormat
import ONNXOperators

/// The attributes that map scales to elements.
struct QuantizationOptions: Sendable {
  let axis: Int
  /// The number of indices along the axis that share a scale; 0 if each has its own.
  let block: Int
  /// Whether the scale may have more than one element.
  let acceptsVector: Bool
  let outputType: ElementType?

  /// - Parameter typeSince: The version that introduced `output_dtype`.
  init(_ node: inout NodeReader, typeSince: Int) throws(OperatorError) {
    acceptsVector = node.version >= 13
    axis = node.version >= 13 ? try node.int("axis", default: 1) : 1
    block = node.version >= 21 ? try node.int("block_size", default: 0) : 0
    guard block >= 0 else {
      throw .attribute("block_size", "expected a block size of at least 0, got \(block)")
    }
    let number = node.version >= typeSince ? try node.int("output_dtype", default: 0) : 0
    if number == 0 {
      outputType = nil
    } else {
      outputType = try node.optionalElementType("output_dtype")
    }
  }

  /// The operator as a notation.
  func notation(_ direction: QuantizationNotation.Direction) -> QuantizationNotation {
    QuantizationNotation(direction, axis: axis, block: block)
  }

  func rows(_ call: Preparation) throws(OperatorError) -> QuantizationRows {
    try QuantizationRows(
      try call.inputSizes(0), scale: try call.inputSizes(1), axis: axis, block: block,
      acceptsVector: acceptsVector)
  }

  /// Checks that the zero point, if any, has the scale's shape.
  func checkZeroPoint(_ inputs: Inputs) throws(OperatorError) {
    guard inputs.has(2), let scale = try inputs.tensor(1).shape?.sizes,
      let zero = try inputs.tensor(2).shape?.sizes
    else { return }
    let fits = scale == zero || scale.elementCount == 1 && zero.elementCount == 1
    guard fits else {
      throw .input(2, "expected the scale's shape \(Shape(scale)), got \(Shape(zero))")
    }
  }
}

extension TypeSet {
  static let quantizedFloats: TypeSet = [.float8s, .float4, .float6s]
  static let quantized: TypeSet = [
    .int8, .uint8, .int16, .uint16, .int4s, .int2s, .quantizedFloats,
  ]
}

extension ElementType {
  /// The smallest and largest value of an integer type of at most 16 bits.
  var quantizedRange: (low: Float, high: Float)? {
    switch self {
    case .int8: (-128, 127)
    case .uint8: (0, 255)
    case .int16: (-32768, 32767)
    case .uint16: (0, 65535)
    case .int4: (-8, 7)
    case .uint4: (0, 15)
    case .int2: (-2, 1)
    case .uint2: (0, 3)
    default: nil
    }
  }
}

extension VersionStep {
  /// Since operator set 13 the scale may have an element for each index of an axis.
  static let scalePerAxis = VersionStep(
    13,
    down: { change throws(OperatorError) in
      guard let sizes = change.sizes(1), sizes.elementCount == 1 else {
        throw .input(1, "expected a scalar scale: per-axis scales need operator set 13")
      }
      change.drop("axis")
      if sizes != [] {
        for input in 1...2 where change.has(input) {
          change.setInput(input, change.squeeze(try change.input(input), Array(sizes.indices)))
        }
      }
    })
}
