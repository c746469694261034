import ComplexModule
import Glibc
import ONNXFormat

/// The allowed distance of a result `a` from the expected `b`: `|a − b| ≤ absolute + relative · |b|`.
package struct Tolerance: Sendable, Hashable {
  package var relative: Double
  package var absolute: Double
  /// Whether `absolute` is in units of the tensor's largest finite `|b|`.
  package var isOfLargest: Bool

  package init(relative: Double, absolute: Double, isOfLargest: Bool = false) {
    self.relative = relative
    self.absolute = absolute
    self.isOfLargest = isOfLargest
  }

  /// Parses the contents of a file `tol`: `rtol atol [max]`.
  /// - Throws: `Failure` for any other text
  package init(parsing text: String) throws(Failure) {
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.count == 2 || (words.count == 3 && words[2] == "max"),
      let relative = Double(words[0]), let absolute = Double(words[1]), relative >= 0,
      absolute >= 0
    else { throw Failure("expected 'rtol atol' or 'rtol atol max'") }
    self.init(relative: relative, absolute: absolute, isOfLargest: words.count == 3)
  }
}

/// Compares a value with the expected one.
///
/// Floating-point numbers may differ by the tolerance (bfloat16 always by 2⁻⁶ of `|b|`); everything
/// else must be equal. NaN equals NaN, and an infinity equals itself.
/// - Returns: a description of the difference: another kind, element type or shape, or the first
///   element that differs; `nil` where there is none
package func difference(
  _ actual: Value, from expected: Value, _ tolerance: Tolerance
) -> String? {
  switch (actual, expected) {
  case (.tensor(let actual), .tensor(let expected)):
    return difference(actual, from: expected, tolerance)
  case (.sequence(let actual), .sequence(let expected)):
    guard actual.elements.count == expected.elements.count else {
      return "expected \(expected.elements.count) elements, got \(actual.elements.count)"
    }
    for (index, pair) in zip(actual.elements, expected.elements).enumerated() {
      if let found = difference(pair.0, from: pair.1, tolerance) {
        return "element \(index): \(found)"
      }
    }
    return nil
  case (.optional(let actual?, _), .optional(let expected?, _)):
    return difference(actual, from: expected, tolerance)
  case (.optional(nil, _), .optional(nil, _)): return nil
  case (.optional(nil, _), _): return "expected \(expected.type), got nothing"
  case (.optional(let actual?, _), _):
    return difference(actual, from: expected, tolerance)
  case (_, .optional(let expected?, _)):
    return difference(actual, from: expected, tolerance)
  case (.map(let actual), .map(let expected)):
    guard actual.keys == expected.keys else { return "the keys differ" }
    return difference(.sequence(actual.values), from: .sequence(expected.values), tolerance)
  case (.sparseTensor(let actual), .sparseTensor(let expected)):
    guard actual.shape == expected.shape else {
      return "expected shape \(expected.shape), got \(actual.shape)"
    }
    return difference(actual.indices.tensor, from: expected.indices.tensor, tolerance)
      ?? difference(actual.values.tensor, from: expected.values.tensor, tolerance)
  default: return "expected \(expected.type), got \(actual.type)"
  }
}

private func difference(
  _ actual: Tensor, from expected: Tensor, _ tolerance: Tolerance
) -> String? {
  guard actual.elementType == expected.elementType, actual.shape == expected.shape else {
    return "expected \(expected.type), got \(actual.type)"
  }
  let comparison = TensorComparison(actual: actual, expected: expected, tolerance: tolerance)
  switch expected.elementType {
  case .float32: return comparison.floats(Float.self) { Double($0) }
  case .float64: return comparison.floats(Double.self) { $0 }
  case .float16: return comparison.floats(Float16.self) { Double($0) }
  case .complex64: return comparison.complex(Float.self) { Double($0) }
  case .complex128: return comparison.complex(Double.self) { $0 }
  case .string: return comparison.equal(String.self)
  case .bool: return comparison.equal(Bool.self)
  case .int8: return comparison.equal(Int8.self)
  case .int16: return comparison.equal(Int16.self)
  case .int32: return comparison.equal(Int32.self)
  case .int64: return comparison.equal(Int64.self)
  case .uint16: return comparison.equal(UInt16.self)
  case .uint32: return comparison.equal(UInt32.self)
  case .uint64: return comparison.equal(UInt64.self)
  case .int4: return comparison.equal(Int4.self)
  case .int2: return comparison.equal(Int2.self)
  default:
    guard let type = expected.elementType.smallFloat else { return comparison.equalBytes() }
    return comparison.smallFloats(type)
  }
}

/// Compares tensors of numbers of the same shape, whose element types may differ.
func numericDifference(
  _ actual: Tensor, from expected: Tensor, _ tolerance: Tolerance
) -> String? {
  TensorComparison(actual: actual, expected: expected, tolerance: tolerance).numbers()
}

private struct TensorComparison {
  let actual: Tensor
  let expected: Tensor
  var tolerance: Tolerance

  func equal<T: Element>(_ type: T.Type) -> String? {
    equal(actual.elements(as: T.self), expected.elements(as: T.self))
  }

  func equalBytes() -> String? {
    equal(actual.bits(as: UInt8.self), expected.bits(as: UInt8.self))
  }

  private func equal<T: Equatable>(_ a: TensorElements<T>, _ b: TensorElements<T>) -> String? {
    first {
      a[$0] != b[$0]
    } describe: {
      ("\(b[$0])", "\(a[$0])")
    }
  }

  func floats<T: Element>(_ type: T.Type, _ value: (T) -> Double) -> String? {
    let (a, b) = (actual.elements(as: T.self), expected.elements(as: T.self))
    let absolute = tolerance.absolute * (tolerance.isOfLargest ? largest(b, value) : 1)
    let relative = tolerance.relative
    return first { index in
      let (x, y) = (value(a[index]), value(b[index]))
      return !isClose(x, y, absolute + relative * abs(y))
    } describe: {
      (formatted(value(b[$0]), "%.9g"), formatted(value(a[$0]), "%.9g"))
    }
  }

  func numbers() -> String? {
    guard let a = actual.numbers, let b = expected.numbers else { return nil }
    var absolute = tolerance.absolute
    if tolerance.isOfLargest {
      let sizes = (0..<expected.count).lazy.map { abs(b($0)) }.filter(\.isFinite)
      absolute *= sizes.max() ?? 0
    }
    return first { index in
      !isClose(a(index), b(index), absolute + tolerance.relative * abs(b(index)))
    } describe: {
      (formatted(b($0), "%.9g"), formatted(a($0), "%.9g"))
    }
  }

  func smallFloats<T: SmallFloat>(_ type: T.Type) -> String? {
    var wide = self
    // Two units in the last place.
    if T.elementType == .bfloat16 { wide.tolerance.relative = max(tolerance.relative, 0x1p-6) }
    return wide.floats(T.self) { Double($0.float) }
  }

  func complex<T: ComplexPart>(_ type: T.Type, _ value: (T) -> Double) -> String? {
    let (a, b) = (
      actual.elements(as: Complex<T>.self), expected.elements(as: Complex<T>.self)
    )
    func length(_ z: Complex<T>) -> Double { hypot(value(z.real), value(z.imaginary)) }
    let absolute = tolerance.absolute * (tolerance.isOfLargest ? largest(b, length) : 1)
    return first { index in
      let (x, y) = (a[index], b[index])
      let bound = absolute + tolerance.relative * length(y)
      let (real, imaginary) = (value(x.real), value(x.imaginary))
      let (wantedReal, wantedImaginary) = (value(y.real), value(y.imaginary))
      guard real.isFinite, imaginary.isFinite, wantedReal.isFinite, wantedImaginary.isFinite else {
        return !isClose(real, wantedReal, bound) || !isClose(imaginary, wantedImaginary, bound)
      }
      return hypot(real - wantedReal, imaginary - wantedImaginary) > bound
    } describe: {
      ("\(b[$0])", "\(a[$0])")
    }
  }

  private func isClose(_ x: Double, _ y: Double, _ bound: Double) -> Bool {
    if x == y || (x.isNaN && y.isNaN) { return true }
    return x.isFinite && y.isFinite && abs(x - y) <= bound
  }

  private func largest<T>(
    _ elements: TensorElements<T>, _ value: (T) -> Double
  ) -> Double {
    elements.reduce(0) { largest, element in
      let size = abs(value(element))
      return size.isFinite ? max(largest, size) : largest
    }
  }

  private func first(
    where differs: (Int) -> Bool, describe: (Int) -> (expected: String, actual: String)
  ) -> String? {
    var first: Int?
    var count = 0
    for index in 0..<expected.count where differs(index) {
      if first == nil { first = index }
      count += 1
    }
    guard let first else { return nil }
    let values = describe(first)
    return """
      \(count) of \(expected.count) elements differ, first at \(position(first)): \
      expected \(values.expected), got \(values.actual)
      """
  }

  /// The coordinates of an element.
  private func position(_ index: Int) -> [Int] {
    var rest = index
    var position: [Int] = []
    for size in expected.shape.reversed() {
      position.append(rest % size)
      rest /= size
    }
    return position.reversed()
  }
}
