extension Tensor: CustomStringConvertible {
  /// The element type and shape, then the elements as NumPy prints them: rows in brackets, six digits,
  /// and of more than 1000 elements only the first and last three along each axis.
  ///
  /// ```
  /// float32[2,3]
  /// [[ 1.        2.5       0.333333]
  ///  [-4.        0.        6.      ]]
  /// ```
  ///
  /// Elements that fit on one line follow the type on the same line: `int64[3] [1 2 3]`. `type` is the
  /// element type and shape alone.
  public var description: String {
    let text = elementText
    return "\(type)" + (text.contains("\n") ? "\n" : " ") + text
  }
}

extension Tensor: CustomDebugStringConvertible {
  /// The element type and shape: `float32[1,3,224,224]`. Collections of tensors print this.
  public var debugDescription: String { type.description }
}

extension Tensor {
  /// The elements as NumPy prints them.
  package var elementText: String {
    guard count > 0 else { return "[]" }
    return ElementLayout(self).text
  }
}

/// The layout of `_formatArray` in numpy/_core/arrayprint.py, with its default threshold, edge items and
/// line width.
private struct ElementLayout {
  private static let lineWidth = 75
  private let shape: [Int]
  private let isShortened: Bool
  /// The texts of the elements shown, in order.
  private var words: ArraySlice<String> = []

  init(_ tensor: Tensor) {
    shape = tensor.shape
    isShortened = tensor.count > 1000
    var places: [Int] = []
    visit(axis: 0, first: 0, &places)
    words = tensor.words(at: places)[...]
  }

  var text: String {
    var rest = self
    return rest.rows(axis: 0, indent: " ", width: Self.lineWidth)
  }

  /// The shown indices of an axis; `nil` stands for those left out.
  private func indices(_ axis: Int) -> [Int?] {
    let size = shape[axis]
    guard isShortened, size > 6 else { return Array(0..<size) }
    return [0, 1, 2, nil, size - 3, size - 2, size - 1]
  }

  private func visit(axis: Int, first: Int, _ places: inout [Int]) {
    guard axis < shape.count else { return places.append(first) }
    let step = shape[(axis + 1)...].reduce(1, *)
    for case let index? in indices(axis) {
      visit(axis: axis + 1, first: first + index * step, &places)
    }
  }

  private mutating func rows(axis: Int, indent: String, width: Int) -> String {
    if axis == shape.count { return words.popFirst() ?? "" }
    if axis == shape.count - 1 { return row(axis, indent: indent, width: width) }
    let lines = String(repeating: "\n", count: shape.count - 1 - axis)
    var parts: [String] = []
    for index in indices(axis) {
      parts.append(
        index == nil ? "..." : rows(axis: axis + 1, indent: indent + " ", width: width - 1))
    }
    return "[" + parts.joined(separator: lines + indent) + "]"
  }

  /// The elements along the last axis, on as many lines as they take.
  private mutating func row(_ axis: Int, indent: String, width: Int) -> String {
    var lines: [String] = []
    var line = indent
    for index in indices(axis) {
      let word = index == nil ? "..." : words.popFirst() ?? ""
      if line.count + word.count > width - 1, line.count > indent.count {
        lines.append(line.withoutTrailingSpaces)
        line = indent
      }
      line += word + " "
    }
    lines.append(String(line.dropLast()))
    return "[" + lines.joined(separator: "\n").dropFirst(indent.count) + "]"
  }
}

extension String {
  fileprivate var withoutTrailingSpaces: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
