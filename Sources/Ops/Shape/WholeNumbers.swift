import ONNXFormat

/// A numeric type whose values are compared with whole numbers.
protocol WholeNumberConvertible {
  /// The value rounded towards zero, if it fits.
  var truncated: Int? { get }
}

extension BinaryInteger where Self: FixedWidthInteger {
  var truncated: Int? { Int(exactly: self) }
}
extension BinaryFloatingPoint {
  var truncated: Int? { Int(exactly: rounded(.towardZero)) }
}
extension BFloat16: WholeNumberConvertible {
  var truncated: Int? { float.truncated }
}
extension Int8: WholeNumberConvertible {}
extension Int16: WholeNumberConvertible {}
extension Int32: WholeNumberConvertible {}
extension Int64: WholeNumberConvertible {}
extension UInt8: WholeNumberConvertible {}
extension UInt16: WholeNumberConvertible {}
extension UInt32: WholeNumberConvertible {}
extension UInt64: WholeNumberConvertible {}
extension Float16: WholeNumberConvertible {}
extension Float: WholeNumberConvertible {}
extension Double: WholeNumberConvertible {}

/// The numbers at `address` rounded towards zero; `nil` for one that no `Int` holds.
/// - Returns: `nil` where the type is not numeric.
func truncatedNumbers(
  _ type: ElementType, _ address: UnsafeRawPointer, count: Int
) -> [Int?]? {
  func read<T: WholeNumberConvertible>(_ type: T.Type) -> [Int?] {
    UnsafeBufferPointer(start: address.assumingMemoryBound(to: T.self), count: count)
      .map(\.truncated)
  }
  return switch type {
  case .int8: read(Int8.self)
  case .int16: read(Int16.self)
  case .int32: read(Int32.self)
  case .int64: read(Int64.self)
  case .uint8: read(UInt8.self)
  case .uint16: read(UInt16.self)
  case .uint32: read(UInt32.self)
  case .uint64: read(UInt64.self)
  case .float16: read(Float16.self)
  case .bfloat16: read(BFloat16.self)
  case .float32: read(Float.self)
  case .float64: read(Double.self)
  default: nil
  }
}

extension Tensor {
  /// The numbers of a tensor of any numeric type, rounded towards zero.
  /// - Throws: `OperatorError.input` where one does not fit or is not a number.
  func wholeNumbers(input index: Int) throws(OperatorError) -> [Int] {
    guard let numbers = truncatedNumbers(elementType, storage.pointer, count: count) else {
      throw .input(index, "expected numbers, got \(elementType)")
    }
    var result: [Int] = []
    for number in numbers {
      guard let number else { throw .input(index, "expected whole numbers") }
      result.append(number)
    }
    return result
  }
}
