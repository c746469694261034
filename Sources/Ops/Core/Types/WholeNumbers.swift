import ONNXFormat

/// A numeric type whose values can be truncated to integers.
package protocol WholeNumberConvertible {
  /// The value rounded towards zero; `nil` if it does not fit or is not a number.
  var truncated: Int? { get }
}

extension FixedWidthInteger {
  package var truncated: Int? { Int(exactly: self) }
}
extension BinaryFloatingPoint {
  package var truncated: Int? { Int(exactly: rounded(.towardZero)) }
}
extension BFloat16: WholeNumberConvertible {
  package var truncated: Int? { float.truncated }
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

/// Rounds the numbers at `address` towards zero and writes them to `result`, `Int.min` for a number that
/// does not fit.
/// - Returns: `false` if the type is not numeric
@discardableResult
package func truncateNumbers(
  _ type: ElementType, _ address: UnsafeRawPointer, count: Int, _ result: UnsafeMutablePointer<Int>
) -> Bool {
  func read<T: WholeNumberConvertible>(_ type: T.Type) {
    let numbers = address.assumingMemoryBound(to: T.self)
    for i in 0..<count { result[i] = numbers[i].truncated ?? Int.min }
  }
  switch type {
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
  default: return false
  }
  return true
}

extension TypeSet {
  /// The types that `truncateNumbers` reads.
  package static let numbers: TypeSet = [.floats, .bfloat16, .integers]
}

extension Tensor {
  /// The numbers of a tensor of any numeric type, rounded towards zero.
  /// - Throws: `OperatorError.input` if one does not fit or is not a number
  package func wholeNumbers(input index: Int) throws(OperatorError) -> [Int] {
    var isNumeric = false
    let numbers = [Int](unsafeUninitializedCapacity: count) { buffer, filled in
      guard let address = buffer.baseAddress else {
        isNumeric = true
        return
      }
      isNumeric = truncateNumbers(elementType, storage.pointer, count: count, address)
      filled = isNumeric ? count : 0
    }
    guard isNumeric, !numbers.contains(Int.min) else {
      throw .input(index, "expected whole numbers, got \(type)")
    }
    return numbers
  }
}
