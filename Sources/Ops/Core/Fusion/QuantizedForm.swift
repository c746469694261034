import ONNXFormat

/// The part of an operator that only notes how a value is quantised, such as `QuantizeLinear`: input 0
/// is the value, input 1 the scale, and input 2 the zero point.
public struct QuantizationNotation: Sendable {
  /// Whether the operator makes integers from real numbers, or real numbers from integers.
  public enum Direction: Sendable {
    /// From real numbers to integers.
    case quantizes
    /// From integers to real numbers.
    case dequantizes
  }

  /// The direction.
  public let direction: Direction
  /// The axis that a scale of rank 1 belongs to.
  public let axis: Int
  /// The number of indices along the axis that share a scale; 0 if each has its own.
  public let block: Int

  /// A notation.
  public init(_ direction: Direction, axis: Int, block: Int) {
    self.direction = direction
    self.axis = axis
    self.block = block
  }
}

/// Integers that note real numbers: `(codes − zeroPoint) · scale`, with constant finite float32 scales.
public struct QuantizedValue: Sendable {
  /// The name of the integers.
  public let codes: String
  /// The element type of the integers.
  public let elementType: ElementType
  /// The name of the scale.
  public let scale: String
  /// The name of the zero point; empty if it is left out.
  public let zeroPoint: String
  /// The scales.
  public let scales: Tensor
  /// The zero points; `nil` for 0.
  public let zeroPoints: Tensor?
  /// The axis that scales of rank 1 belong to, and the size of a block along it.
  public let notation: QuantizationNotation

  /// Integers of constant scales and zero points.
  /// - Returns: `nil` unless the scales are finite float32
  package init?(
    codes: String, _ type: ElementType, scale: (String, Tensor), zeroPoint: (String, Tensor)?,
    _ notation: QuantizationNotation
  ) {
    guard scale.1.elementType == .float32,
      scale.1.elements(as: Float.self).allSatisfy(\.isFinite),
      zeroPoint.map({ $0.1.elementType == type }) ?? true
    else { return nil }
    self.codes = codes
    elementType = type
    (self.scale, scales) = scale
    self.zeroPoint = zeroPoint?.0 ?? ""
    zeroPoints = zeroPoint?.1
    self.notation = notation
  }

  /// The same scales for other integers.
  package init(codes: String, like other: QuantizedValue) {
    self.codes = codes
    elementType = other.elementType
    (scale, scales) = (other.scale, other.scales)
    (zeroPoint, zeroPoints) = (other.zeroPoint, other.zeroPoints)
    notation = other.notation
  }

  /// Whether one positive scale holds for all elements.
  public var isUniform: Bool {
    scales.count == 1 && scales.shape.count <= 1 && notation.block == 0 && uniformScale > 0
      && uniformScale.isNormal
  }

  /// Whether the integers have 8 bits.
  public var isByte: Bool { elementType == .int8 || elementType == .uint8 }

  /// The scale of all elements.
  public var uniformScale: Float { scales.elements(as: Float.self)[0] }

  /// The zero point of all elements of 8-bit integers.
  public var uniformZero: Int {
    guard let zeroPoints, zeroPoints.count > 0 else { return 0 }
    let code = zeroPoints.bits(as: UInt8.self)[0]
    return elementType == .int8 ? Int(Int8(bitPattern: code)) : Int(code)
  }

  /// Whether all zero points are 0.
  public var isSymmetric: Bool {
    zeroPoints?.withUnsafeBytes { $0.allSatisfy { $0 == 0 } } ?? true
  }

  /// Whether two values have the same type, scale and zero point, each one for all elements.
  public func hasParameters(of other: QuantizedValue) -> Bool {
    isUniform && other.isUniform && elementType == other.elementType
      && (scale == other.scale || uniformScale == other.uniformScale)
      && (zeroPoint == other.zeroPoint || isByte && uniformZero == other.uniformZero)
  }
}

/// A node whose inputs, and perhaps its output, are notes of integers.
public struct QuantizedSite {
  /// The node, which has one output.
  public let node: Node
  /// The integers of each input; `nil` for an input that is not a note of integers.
  public let inputs: [QuantizedValue?]
  /// The integers that the only user of the output makes of it; `nil` if it is used in another way.
  public let result: QuantizedValue?
  /// The contents of the value with a name; `nil` unless it is constant.
  public let constant: (String) -> Tensor?
  /// The type of the value with a name; `nil` if unknown.
  public let type: (String) -> ValueType?

  /// A node and what is known of its values.
  public init(
    node: Node, inputs: [QuantizedValue?], result: QuantizedValue?,
    constant: @escaping (String) -> Tensor?, type: @escaping (String) -> ValueType?
  ) {
    self.node = node
    self.inputs = inputs
    self.result = result
    self.constant = constant
    self.type = type
  }

  /// The integers of an input; `nil` if there are none.
  public func input(_ index: Int) -> QuantizedValue? {
    index < inputs.count ? inputs[index] : nil
  }

  /// The integers of an input of 8 bits with one scale; `nil` if there are none.
  public func byteInput(_ index: Int) -> QuantizedValue? {
    guard let value = input(index), value.isByte, value.isUniform else { return nil }
    return value
  }

  /// The integers of the result, of 8 bits with one scale; `nil` if there are none.
  public var byteResult: QuantizedValue? {
    guard let result, result.isByte, result.isUniform else { return nil }
    return result
  }
}

/// The value that takes the place of a node between integers.
public enum QuantizedOutcome: Sendable {
  /// The name of the integers of `QuantizedSite.result`.
  case codes(String)
  /// The name of the real numbers.
  case real(String)
}

extension GraphBuilder {
  /// The name of the zero point of a quantised value, which is added as 0 if it is left out.
  public mutating func zeroPoint(of value: QuantizedValue) -> String {
    guard value.zeroPoint.isEmpty else { return value.zeroPoint }
    let count = value.scales.count
    let shape = value.scales.shape
    return value.elementType == .int8
      ? constant(Tensor(shape: shape, [Int8](repeating: 0, count: count)), hint: "zero")
      : constant(Tensor(shape: shape, [UInt8](repeating: 0, count: count)), hint: "zero")
  }
}

extension ElementType {
  /// The bit that makes codes of the type unsigned.
  package var flip: UInt8 { self == .int8 ? 128 : 0 }
}
