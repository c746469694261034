extension Tensor {
  /// The texts of the elements at these indices, all of the same width other than those of strings.
  func words(at places: [Int]) -> [String] {
    if let words = elementType.dispatchInteger(to: IntegerWords(tensor: self), places) {
      return words
    }
    switch elementType {
    case .float32: return reals(Float.self, places)
    case .float64: return reals(Double.self, places)
    case .float16: return reals(Float16.self, places)
    case .bool:
      let elements = bits(as: UInt8.self)
      return aligned(places.map { elements[$0] != 0 ? "true" : "false" }, width: 5)
    case .string:
      let elements = elements(as: String.self)
      return places.map { elements[$0].quoted }
    case .int4, .int2:
      let elements = bits(as: Int8.self)
      return aligned(places.map { "\(elements[$0])" })
    case .uint4, .uint2:
      let elements = bits(as: UInt8.self)
      return aligned(places.map { "\(elements[$0])" })
    case .complex64:
      let parts = bits(as: SIMD2<Float>.self)
      return complex(
        places.map { ShortestDecimal(parts[$0].x) }, places.map { ShortestDecimal(parts[$0].y) })
    case .complex128:
      let parts = bits(as: SIMD2<Double>.self)
      return complex(
        places.map { ShortestDecimal(parts[$0].x) }, places.map { ShortestDecimal(parts[$0].y) })
    default:
      return elementType.dispatchSmallFloat(to: SmallFloatWords(tensor: self), places)
        ?? places.map { _ in "?" }
    }
  }

  private struct IntegerWords: IntegerVisitor {
    let tensor: Tensor

    func visit<T: Element & FixedWidthInteger>(_ type: T.Type, _ places: [Int]) -> [String] {
      let elements = tensor.elements(as: T.self)
      return tensor.aligned(places.map { "\(elements[$0])" })
    }
  }

  private struct SmallFloatWords: SmallFloatVisitor {
    let tensor: Tensor

    func visit<T: SmallFloat>(_ type: T.Type, _ places: [Int]) -> [String] {
      let elements = tensor.elements(as: T.self)
      return tensor.words(places.map { ShortestDecimal(elements[$0].float) })
    }
  }

  private func reals<T: Element & BinaryFloatingPoint & LosslessStringConvertible>(
    _ type: T.Type, _ places: [Int]
  ) -> [String] {
    let elements = elements(as: T.self)
    return words(places.map { ShortestDecimal(elements[$0]) })
  }

  private func words(_ numbers: [ShortestDecimal]) -> [String] {
    // NumPy prints a scalar with all digits that tell it from its neighbours.
    if shape.isEmpty { return numbers.map(\.description) }
    let column = DecimalColumn(numbers, positional: positional)
    return numbers.map(column.text)
  }

  private func complex(_ real: [ShortestDecimal], _ imaginary: [ShortestDecimal]) -> [String] {
    let left = DecimalColumn(real, positional: positional)
    let right = DecimalColumn(imaginary, positional: positional, showsPlus: true)
    return zip(real, imaginary).map { x, y in
      let text = right.text(y)
      let spaces = text.reversed().prefix { $0 == " " }.count
      return left.text(x) + text.dropLast(spaces) + "j" + String(repeating: " ", count: spaces)
    }
  }

  /// Numbers outside of this are printed with an exponent: 10⁻⁴ as a number of the type, and ten to the
  /// power of the digits of the type, at most 8.
  private var positional: Range<Double> {
    switch elementType {
    case .float16: Double(1e-4 as Float16)..<1e3
    case .float64, .complex128: 1e-4..<1e8
    default: Double(1e-4 as Float)..<1e6
    }
  }

  private func aligned(_ words: [String], width: Int = 0) -> [String] {
    if shape.isEmpty { return words }
    let width = max(width, words.lazy.map(\.utf8.count).max() ?? 0)
    return words.map { String(repeating: " ", count: width - $0.utf8.count) + $0 }
  }
}
