import ONNXFormat
import ONNXOperators
import RealModule

/// The element type of a quantised tensor.
@usableFromInline package protocol QuantizedElement: Element, FixedWidthInteger {}
extension Int8: QuantizedElement {}
extension UInt8: QuantizedElement {}

/// A zero point or scale input, with one number for the whole tensor, or one per line (row, column
/// or output channel), possibly of each matrix.
@usableFromInline package struct QuantizationParameter: Sendable {
  /// The input index; `nil` if omitted.
  package let input: Int?
  @usableFromInline package let line: Int
  @usableFromInline package let matrix: Int

  /// - Parameters:
  ///   - lines: the number of lines of a matrix, and the number of matrices
  package init(
    _ call: Preparation, _ input: Int, lines: Int, matrices: Int = 1
  ) throws(OperatorError) {
    guard call.inputs.has(input) else {
      (self.input, line, matrix) = (nil, 0, 0)
      return
    }
    self.input = input
    switch try call.inputCount(input) {
    case 1: (line, matrix) = (0, 0)
    case lines: (line, matrix) = (1, 0)
    case .work(lines, matrices): (line, matrix) = (1, lines)
    case let count:
      throw .input(
        input, "expected 1 or \(lines) elements (one per row, column or channel), got \(count)")
    }
  }

  /// The number of elements; 1 if omitted.
  package func count(_ call: Preparation) throws(OperatorError) -> Int {
    try input.map { input throws(OperatorError) in try call.inputCount(input) } ?? 1
  }

  /// The numbers for one matrix.
  package func pointer<T>(_ buffers: Buffers, matrix: Int = 0, as type: T.Type) -> UnsafePointer<T>?
  {
    input.map { buffers.input($0, as: T.self) + matrix * self.matrix }
  }

  /// The number for a line, given the numbers for its matrix; 0 if omitted.
  @inlinable @inline(__always) package func value<T: QuantizedElement>(
    _ numbers: UnsafePointer<T>?, _ line: Int
  )
    -> Int32
  {
    numbers.map { Int32($0[line * self.line]) } ?? 0
  }

  /// The 8-bit code of the number for a line; the code of 0 if omitted.
  @inline(__always) package func code(_ numbers: UnsafePointer<UInt8>?, _ line: Int) -> UInt8 {
    numbers.map { $0[line * self.line] } ?? 0
  }

  /// The scale for a line, converted from its element type.
  package func scale(_ buffers: Buffers, _ type: ElementType, line: Int, matrix: Int = 0) -> Float {
    guard let input else { return 1 }
    let place = matrix * self.matrix + line * self.line
    switch type {
    case .float16: return Float(buffers.input(input, as: Float16.self)[place])
    case .bfloat16: return buffers.input(input, as: BFloat16.self)[place].float
    default: return buffers.input(input, as: Float.self)[place]
    }
  }
}

extension QuantizedElement {
  /// `saturate(round(x) + zeroPoint)`, rounding ties to even.
  @inline(__always) package static func quantized(_ x: Double, zeroPoint: Int32) -> Self {
    let y = x.rounded(.toNearestOrEven) + Double(zeroPoint)
    return y >= Double(max) ? max : y > Double(min) ? Self(y) : min
  }
}

extension Inputs {
  /// Checks the types of a quantised tensor's zero point and, if it has one, its scale.
  package func checkQuantization(
    of tensor: Int, zeroPoint: Int, scale: Int? = nil, scales: TypeSet = .float32
  ) throws(OperatorError) {
    if has(zeroPoint) { _ = try self.tensor(zeroPoint, sameTypeAs: tensor) }
    if let scale { _ = try self.tensor(scale, scales) }
  }
}
