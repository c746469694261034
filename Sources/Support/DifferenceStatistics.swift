import ONNXFormat

/// How far the elements `a` of a result are from the expected elements `b`, in numbers.
///
/// Pairs in which both are finite count for the differences; NaN and infinities are counted apart.
package struct DifferenceStatistics: Sendable, Hashable {
  /// The number of elements.
  package private(set) var count = 0
  /// The largest `|a − b|`.
  package private(set) var largest = 0.0
  /// The largest `|b|`.
  package private(set) var largestExpected = 0.0
  /// The numbers of NaN among `a` and `b`.
  package private(set) var notNumbers = (actual: 0, expected: 0)
  /// The numbers of infinities among `a` and `b`.
  package private(set) var infinities = (actual: 0, expected: 0)
  private var finite = 0
  private var sum = 0.0
  private var squares = 0.0
  private var expectedSquares = 0.0

  /// The mean of `|a − b|`.
  package var mean: Double { finite > 0 ? sum / Double(finite) : 0 }
  /// The largest `|a − b|` in units of the largest `|b|`; infinite where that is 0 and `a` is not.
  package var relative: Double { ratio(largest, largestExpected) }
  /// The root of the mean square of `a − b` in units of that of `b`.
  package var rootMeanSquare: Double { ratio(squares, expectedSquares).squareRoot() }

  private func ratio(_ a: Double, _ b: Double) -> Double { a == 0 ? 0 : a / b }

  /// Compares two tensors of the same number of elements.
  /// - Returns: `nil` for tensors of other element types than real numbers and booleans
  package init?(_ actual: Tensor, from expected: Tensor) {
    guard actual.count == expected.count, let a = actual.numbers, let b = expected.numbers else {
      return nil
    }
    for index in 0..<expected.count { add(a(index), b(index)) }
  }

  private mutating func add(_ a: Double, _ b: Double) {
    count += 1
    if a.isFinite, b.isFinite {
      let difference = abs(a - b)
      finite += 1
      largest = max(largest, difference)
      largestExpected = max(largestExpected, abs(b))
      sum += difference
      squares += difference * difference
      expectedSquares += b * b
    } else {
      if a.isNaN { notNumbers.actual += 1 } else if !a.isFinite { infinities.actual += 1 }
      if b.isNaN { notNumbers.expected += 1 } else if !b.isFinite { infinities.expected += 1 }
      if b.isFinite { largestExpected = max(largestExpected, abs(b)) }
    }
  }

  /// The differences in words, with the counts of NaN and infinities where there are any.
  package var text: String {
    var text =
      "largest difference \(formatted(largest, "%.3g")), mean \(formatted(mean, "%.3g")), "
      + "relative \(formatted(relative, "%.3g"))"
    for (name, counts) in [("NaN", notNumbers), ("infinite", infinities)] where counts != (0, 0) {
      text += "; \(counts.actual) \(name), expected \(counts.expected)"
    }
    return text
  }

  package static func == (a: Self, b: Self) -> Bool { a.fields == b.fields }
  package func hash(into hasher: inout Hasher) { hasher.combine(fields) }
  private var fields: [Double] {
    [
      Double(count), largest, largestExpected, Double(notNumbers.actual),
      Double(notNumbers.expected), Double(infinities.actual), Double(infinities.expected), sum,
      squares, expectedSquares,
    ]
  }
}

/// The comparison of a value with the expected one.
package struct ValueComparison: Sendable {
  /// The differences; `nil` for values that are not tensors of numbers of the same shape.
  package let statistics: DifferenceStatistics?
  /// The difference beyond the tolerance in words; `nil` where there is none.
  package let problem: String?

  /// Compares a value with the expected one.
  /// - Parameter allowsOtherTypes: whether tensors of numbers may differ in their element type
  package init(
    _ actual: Value, with expected: Value, _ tolerance: Tolerance, allowsOtherTypes: Bool = false
  ) {
    guard let a = actual.tensor, let b = expected.tensor, a.shape == b.shape else {
      (statistics, problem) = (nil, difference(actual, from: expected, tolerance))
      return
    }
    statistics = DifferenceStatistics(a, from: b)
    problem =
      allowsOtherTypes && a.elementType != b.elementType && statistics != nil
      ? numericDifference(a, from: b, tolerance) : difference(actual, from: expected, tolerance)
  }
}

extension Tensor {
  /// The elements by index, as numbers; `nil` for other element types than real numbers and booleans.
  package var numbers: ((Int) -> Double)? {
    func read<T: Element>(_: T.Type, _ number: @escaping (T) -> Double) -> (Int) -> Double {
      let elements = self.elements(as: T.self)
      return { number(elements[$0]) }
    }
    func bits<T: BinaryInteger & BitwiseCopyable>(_: T.Type) -> (Int) -> Double {
      let elements = self.bits(as: T.self)
      return { Double(elements[$0]) }
    }
    switch elementType {
    case .float32: return read(Float.self) { Double($0) }
    case .float64: return read(Double.self) { $0 }
    case .float16: return read(Float16.self) { Double($0) }
    case .bfloat16: return read(BFloat16.self) { Double($0.float) }
    case .int64: return read(Int64.self) { Double($0) }
    case .int32: return read(Int32.self) { Double($0) }
    case .int16: return read(Int16.self) { Double($0) }
    case .uint64: return read(UInt64.self) { Double($0) }
    case .uint32: return read(UInt32.self) { Double($0) }
    case .uint16: return read(UInt16.self) { Double($0) }
    case .int8, .int4, .int2: return bits(Int8.self)
    case .uint8, .uint4, .uint2, .bool: return bits(UInt8.self)
    default:
      func small<T: SmallFloat>(_: T.Type) -> (Int) -> Double {
        read(T.self) { Double($0.float) }
      }
      guard let type = elementType.smallFloat else { return nil }
      return small(type)
    }
  }
}
