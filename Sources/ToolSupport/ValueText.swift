import ONNXFormat
import ONNXSupport

/// The elements of a tensor as NumPy prints them: rows in brackets, with six significant digits. Of more
/// than 1000 elements, only the first and last three along each axis are shown.
package func elementText(of tensor: Tensor) -> String {
  var printer = ElementPrinter(tensor)
  return printer.text
}

private struct ElementPrinter {
  private let shape: [Int]
  private let isShortened: Bool
  private let element: (Int) -> String
  private var width = 0

  init(_ tensor: Tensor) {
    shape = tensor.shape
    isShortened = tensor.count > 1000
    element = elements(of: tensor)
  }

  var text: String {
    mutating get {
      width = 0
      if !shape.isEmpty { visit(axis: 0, first: 0) }
      return rows(axis: 0, first: 0, indent: 1)
    }
  }

  /// The shown indices of an axis; `nil` stands for those left out.
  private func indices(_ axis: Int) -> [Int?] {
    let size = shape[axis]
    guard isShortened, size > 6 else { return Array(0..<size) }
    return [0, 1, 2, nil, size - 3, size - 2, size - 1]
  }

  private func size(after axis: Int) -> Int { shape[(axis + 1)...].reduce(1, *) }

  /// Finds the width of the widest element shown.
  private mutating func visit(axis: Int, first: Int) {
    for index in indices(axis).compactMap({ $0 }) {
      let place = first + index * size(after: axis)
      if axis == shape.count - 1 {
        width = max(width, element(place).count)
      } else {
        visit(axis: axis + 1, first: place)
      }
    }
  }

  private func rows(axis: Int, first: Int, indent: Int) -> String {
    if axis == shape.count { return element(first) }
    let isLast = axis == shape.count - 1
    let parts = indices(axis).map { index in
      guard let index else { return "..." }
      let place = first + index * size(after: axis)
      guard isLast else { return rows(axis: axis + 1, first: place, indent: indent + 1) }
      let text = element(place)
      return String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let lines = String(repeating: "\n", count: shape.count - 1 - axis)
    let separator = isLast ? " " : lines + String(repeating: " ", count: indent)
    return "[" + parts.joined(separator: separator) + "]"
  }
}

/// A function that returns the text of the element at an index.
private func elements(of tensor: Tensor) -> (Int) -> String {
  func numbers<T: Element>(_: T.Type, _ text: @escaping (T) -> String) -> (Int) -> String {
    let elements = tensor.elements(as: T.self)
    return { text(elements[$0]) }
  }
  switch tensor.elementType {
  case .float32: return numbers(Float.self) { formatted(Double($0)) }
  case .float64: return numbers(Double.self) { formatted($0) }
  case .float16: return numbers(Float16.self) { formatted(Double($0)) }
  case .int64: return numbers(Int64.self) { "\($0)" }
  case .int32: return numbers(Int32.self) { "\($0)" }
  case .int16: return numbers(Int16.self) { "\($0)" }
  case .int8: return numbers(Int8.self) { "\($0)" }
  case .uint64: return numbers(UInt64.self) { "\($0)" }
  case .uint32: return numbers(UInt32.self) { "\($0)" }
  case .uint16: return numbers(UInt16.self) { "\($0)" }
  case .uint8: return numbers(UInt8.self) { "\($0)" }
  case .string: return numbers(String.self) { $0.quoted }
  case .bool:
    let elements = tensor.bits(as: UInt8.self)
    return { elements[$0] != 0 ? "true" : "false" }
  case .int4, .int2:
    let elements = tensor.bits(as: Int8.self)
    return { "\(elements[$0])" }
  case .uint4, .uint2:
    let elements = tensor.bits(as: UInt8.self)
    return { "\(elements[$0])" }
  case .complex64:
    let parts = tensor.bits(as: SIMD2<Float>.self)
    return { complex(Double(parts[$0].x), Double(parts[$0].y)) }
  case .complex128:
    let parts = tensor.bits(as: SIMD2<Double>.self)
    return { complex(parts[$0].x, parts[$0].y) }
  default:
    func small<T: SmallFloat>(_: T.Type) -> (Int) -> String {
      numbers(T.self) { formatted(Double($0.float)) }
    }
    guard let type = tensor.elementType.smallFloat else { return { _ in "?" } }
    return small(type)
  }
}

private func complex(_ real: Double, _ imaginary: Double) -> String {
  formatted(real) + (imaginary.sign == .minus ? "" : "+") + formatted(imaginary) + "j"
}
